"""The section of memory: what one more runtime, one more idle connection and one more waiting eval cost.

Each cost is a slope: the memory of a process with few of them and with many, divided by the difference in number.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import NamedTuple

from tests.bench import crowd, targets
from tests.bench.crowd import Crowd
from tests.bench.processes import environment
from tests.bench.resident import KIB, MIB, children, memory, require_proc
from tests.bench.samples import Spread
from tests.bench.section import Plan, Progress, Section, Table
from tests.bench.targets import AGENT, PROXY, SERVE, Running

ROOT = Path(__file__).resolve().parents[2]
SETTLE = 1.0
"""Seconds between the last eval and the look at a process: isolates give back what they took for the start."""
CONNECTIONS = (500, 2_500)
WAITING = (500, 2_500)
TASKS = (2_000, 22_000)
SERVED = (2, 12)
AGENTS = (1, 3)
LISTED = (10, 110)
"""Numbers of evals in a LocalPool, of runtimes in `serve`, of agents, and of runtimes of a proxy."""
ROUNDS = 3
EVALS = 50
"""That each runtime has run when it is looked at."""
BLOCK = crowd.request("new Promise((done) => setTimeout(done, 50_000))")
DESCRIPTORS = 12_000

RUNTIME, CONNECTION, EVAL, PROCESS = (
    "one more runtime",
    "one more idle connection",
    "one more waiting eval",
    "the process",
)
ISOLATE = "its Deno process"


class Name(NamedTuple):
    """Of a cost: one more of what, with which command, held by which process."""

    what: str
    way: str
    where: str


Costs = dict[Name, float]
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes: of our own process, and of the isolates below it."""

    own: int
    isolates: int

    @classmethod
    def of(cls, running: Running, role: str) -> "Held":
        Event().wait(SETTLE)
        roots = [pid for pid, known in running.roles.items() if known == role]
        return cls(memory(roots), memory(child for root in roots for child in children(root)))


def slope(low: float, high: float, numbers: tuple[int, int]) -> float:
    return (high - low) / (numbers[1] - numbers[0])


def runtimes_served() -> Costs:
    """Of a server with its own isolates."""
    held = []
    for size in SERVED:
        with targets.serve(size=size) as running, Crowd(running.url) as callers:
            callers.grow(1)
            callers.repeat(size * EVALS)
            held.append(Held.of(running, SERVE))
    few, many = held
    spared = few.isolates - SERVED[0] * slope(few.isolates, many.isolates, SERVED)
    return {
        Name(RUNTIME, "`serve`", ISOLATE): slope(few.isolates, many.isolates, SERVED),
        Name(RUNTIME, "`serve`", "the server"): slope(few.own, many.own, SERVED),
        Name(PROCESS, "`serve`", "the server, two runtimes"): few.own,
        Name(PROCESS, "`serve`", "the spare, with what all Deno processes share"): spared,
    }


def runtimes_of_agents() -> Costs:
    """Of agents, which have a process and a warm spare each."""
    held = []
    for number in AGENTS:
        with ExitStack() as stack:
            agents = [stack.enter_context(targets.agent()) for _ in range(number)]
            for running in agents:
                callers = stack.enter_context(Crowd(running.url))
                callers.grow(1)
                callers.repeat(EVALS)
            held.append(Held.of(Running("", {pid: AGENT for each in agents for pid in each.roles}), AGENT))
    few, many = held
    return {
        Name(RUNTIME, "`proxy`", "its Deno process and spare"): slope(few.isolates, many.isolates, AGENTS),
        Name(RUNTIME, "`proxy`", "its agent"): slope(few.own, many.own, AGENTS),
    }


def runtimes_listed() -> Costs:
    """Of a proxy alone, before fake runtimes."""
    held = []
    for number in LISTED:
        with targets.fakes(number) as (urls, _), targets.proxy(urls) as running, Crowd(running.url) as callers:
            callers.grow(1)
            callers.repeat(EVALS * max(LISTED))
            held.append(Held.of(running, PROXY))
    few, many = held
    return {
        Name(RUNTIME, "`proxy`", "the proxy"): slope(few.own, many.own, LISTED),
        Name(PROCESS, "`proxy`", f"the proxy, {LISTED[0]} runtimes"): few.own,
    }


def crowded(way: str, running: Running, wheres: dict[str, str]) -> Costs:
    """Connections and waiting evals of a server with one runtime; `wheres`: each role's name."""
    held: dict[str, list[dict[str, int]]] = {CONNECTION: [], EVAL: []}

    def look(what: str) -> None:
        held[what].append({role: Held.of(running, role).own for role in wheres})

    with Crowd(running.url) as callers, Crowd(running.url) as blocker:
        blocker.grow(1)
        for number in CONNECTIONS:
            callers.grow(number)
            look(CONNECTION)
        blocker.ask(0, 1, BLOCK)
        for start, end in zip((0, WAITING[0]), WAITING, strict=True):
            callers.ask(start, end)
            look(EVAL)
    return {
        Name(what, way, where): slope(held[what][0][role], held[what][1][role], numbers)
        for what, numbers in ((CONNECTION, CONNECTIONS), (EVAL, WAITING))
        for role, where in wheres.items()
    }


def crowded_server() -> Costs:
    with targets.serve(size=1) as running:
        return crowded("`serve`", running, {SERVE: "the server"})


def crowded_proxy() -> Costs:
    with targets.agent() as behind, targets.proxy([behind.url]) as proxy:
        both = Running(proxy.url, proxy.roles | behind.roles)
        return crowded("`proxy`", both, {PROXY: "the proxy", AGENT: "its agent"})


def local() -> Costs:
    """Evals that wait in a LocalPool, with the task that waits for each."""
    command = [sys.executable, "-m", "tests.bench.memory_local", *map(str, TASKS)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120, cwd=ROOT, env=environment())
    few, many = json.loads(run.stdout)
    return {Name(EVAL, "`LocalPool`", "your program, with the task that awaits it"): slope(few, many, TASKS)}


STEPS: dict[str, Callable[[], Costs]] = {
    "runtimes of `serve`": runtimes_served,
    "agents": runtimes_of_agents,
    "runtimes of a proxy": runtimes_listed,
    "connections and waiting evals of `serve`": crowded_server,
    "connections and waiting evals of a proxy": crowded_proxy,
    "waiting evals of a LocalPool": local,
}


def amount(values: Sequence[float]) -> str:
    """Median, lowest and highest, in MiB, or in KiB where all are small."""
    unit, name, digits = (MIB, "MiB", 1) if max(values) >= MIB else (KIB, "KiB", 1)
    return f"{Spread.of([value / unit for value in values]).text(digits)} {name}"


def table(rounds: Sequence[Costs]) -> Table:
    order = (RUNTIME, CONNECTION, EVAL, PROCESS)
    names = sorted(rounds[0], key=lambda name: order.index(name.what))
    rows = [[*name, amount([costs[name] for costs in rounds])] for name in names]
    return Table(["what", "with", "held by", "memory"], rows)


TEXT = f"""\
What a process holds (PSS: its own pages, and its part of those that it shares) with few and with many, divided by the
difference in number: {SERVED[0]} and {SERVED[1]} runtimes of `serve`; {AGENTS[0]} and {AGENTS[1]} agents; a proxy
before {LISTED[0]} and {LISTED[1]} fake runtimes; {CONNECTIONS[0]:,} and {CONNECTIONS[1]:,} connections; {WAITING[0]:,}
and {WAITING[1]:,} waiting evals, {TASKS[0]:,} and {TASKS[1]:,} in a LocalPool. A runtime has run {EVALS} evals; an idle
connection has had one answer; a waiting eval is `1 + 2`, behind one that does not end while we look, and comes on top
of its caller's connection; through a proxy it is held twice. What the kernel keeps for a socket is not counted."""


def measure(plan: Plan, progress: Progress) -> Section:
    require_proc()
    crowd.allow(DESCRIPTORS)
    measured: list[Costs] = []
    rounds = 1 if plan.quick else min(plan.rounds, ROUNDS)
    progress.begin("memory", rounds * len(STEPS))
    for _ in range(rounds):
        costs: Costs = {}
        for name, step in STEPS.items():
            found = step()
            costs |= found
            progress.show(name, ", ".join(f"{one.where} {amount([held])}" for one, held in found.items()))
        measured.append(costs)
    return Section(
        title="Memory",
        text=TEXT,
        tables=[table(measured)],
        data={", ".join(name): [round(costs[name]) for costs in measured] for name in measured[0]},
    )
