"""The section of endurance: mixed load for a long time, and what processes hold after a minute of it and at the end."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, astuple, dataclass
from statistics import median
from string import Template
from threading import Event
from time import monotonic

import uvloop

from tests.bench import plots, targets
from tests.bench.mix import CALLERS, ENDS, USUAL, Mix
from tests.bench.resident import MIB, children, descriptors, memory, require_proc, resident
from tests.bench.section import Aim, Plan, Plot, Progress, Section, Table
from tests.bench.targets import AGENT, PROXY, Running
from tyrex_pool.model.names import PATH_POOL

EVALS = 4_000
"""Usual requests for each guest that loses its isolate, of each kind of these."""
POINTS = 300
"""Of a line in the plot, about."""
MINUTE = 60.0
REST = 10.0
"""Seconds after the load, in which the last isolates are replaced and the last deadlines pass."""
BOUND = 1.1
HEAP = "64Mi"
AGENTS = 2


@dataclass(frozen=True, slots=True)
class Look:
    """What the processes hold at one time: bytes, descriptors, and how many isolates there are."""

    at: float
    proxy: float
    agents: float
    isolates: float
    proxy_descriptors: float
    agent_descriptors: float
    processes: float
    load: float


FIGURES = {
    "proxy": "memory of the proxy, MiB",
    "agents": f"memory of the {AGENTS} agents, MiB",
    "isolates": "memory of all isolates, MiB",
    "proxy_descriptors": "descriptors of the proxy",
    "agent_descriptors": f"descriptors of the {AGENTS} agents",
    "processes": "isolates, spares included",
    "load": "evals in flight and waiting",
}
STEADY = ("proxy", "agents", "isolates", "proxy_descriptors", "agent_descriptors", "processes")
MEMORY = ("proxy", "agents", "isolates")

IN_THE_WAY = (
    "no object is kept, which a test counts; callers that come and go between bodies of 64 KiB leave gaps in the "
    "allocator's memory, which fill up more and more slowly"
)


def look(running: Running, at: float) -> Look:
    """The processes as they are now."""
    proxies, agents = ([pid for pid, known in running.roles.items() if known == role] for role in (PROXY, AGENT))
    isolates = [child for agent in agents for child in children(agent)]
    with urllib.request.urlopen(f"{running.url}{PATH_POOL}", timeout=10) as answer:
        pool = json.load(answer)
    return Look(
        at=at,
        proxy=resident(proxies) / MIB,
        agents=resident(agents) / MIB,
        isolates=memory(isolates) / MIB,
        proxy_descriptors=sum(map(descriptors, proxies)),
        agent_descriptors=sum(map(descriptors, agents)),
        processes=len(isolates),
        load=pool["inFlight"] + pool["queued"],
    )


@contextmanager
def pool() -> Iterator[Running]:
    """A proxy before two agents."""
    with ExitStack() as stack:
        agents = [stack.enter_context(targets.agent(limits={"heap": HEAP})) for _ in range(AGENTS)]
        proxy = stack.enter_context(targets.proxy([agent.url for agent in agents], "--strategy", "LeastLoaded"))
        roles = dict(proxy.roles)
        for agent in agents:
            roles |= agent.roles
        yield Running(proxy.url, roles)


@dataclass(frozen=True, slots=True)
class Soaked:
    """`before`: at rest, before the load; `looks`: in its course; `after`: at rest again. Times in seconds."""

    seconds: float
    before: Look
    looks: Sequence[Look]
    after: Look
    outcomes: Mapping[str, int]
    wrong: Mapping[str, int]

    @property
    def window(self) -> float:
        """A minute, or less in a short run."""
        return min(MINUTE, self.seconds / 4)

    def first(self, figure: str) -> float:
        """The median of the minute after the first one."""
        return self._median(figure, self.window, 2 * self.window)

    def last(self, figure: str) -> float:
        """The median of the last minute."""
        return self._median(figure, self.seconds - self.window, float("inf"))

    def _median(self, figure: str, start: float, end: float) -> float:
        return median(float(getattr(one, figure)) for one in self.looks if start <= one.at < end)


async def load(
    running: Running, seconds: float, evals: int, tell: Callable[[Look, Mix], None]
) -> tuple[list[Look], Mix]:
    """Rounds of the mix until the time is up, with a look at the processes now and then."""
    mix = Mix(running.url)
    looks: list[Look] = []
    started, pause = monotonic(), max(0.25, seconds / POINTS)

    async def watch() -> None:
        while True:
            looks.append(await asyncio.to_thread(look, running, monotonic() - started))
            tell(looks[-1], mix)
            await asyncio.sleep(pause)

    watching = asyncio.create_task(watch())
    try:
        while monotonic() - started < seconds:
            await mix.round(evals)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await mix.close()
    return looks, mix


def soak(plan: Plan, progress: Progress) -> Soaked:
    seconds = plan.soak_minutes * 60
    minutes = int(seconds / MINUTE)
    progress.begin("soak", minutes + 1)
    evals, rest = (EVALS // 4, 2.0) if plan.quick else (EVALS, REST)
    told = 0

    def tell(now: Look, mix: Mix) -> None:
        nonlocal told
        if now.at >= (told + 1) * MINUTE:
            told += 1
            progress.show(f"minute {told}", _line(now, mix))

    with pool() as running:
        before = look(running, 0.0)
        looks, mix = uvloop.run(load(running, seconds, evals, tell))
        Event().wait(rest)
        after = look(running, seconds + rest)
    progress.show("at rest again", _line(after, mix))
    return Soaked(seconds, before, looks, after, dict(mix.outcomes), dict(mix.wrong))


def _line(now: Look, mix: Mix) -> str:
    return (
        f"{mix.outcomes.total():,} requests, {mix.wrong.total()} answered wrongly; proxy {now.proxy:.1f} MiB, "
        f"agents {now.agents:.1f} MiB, isolates {now.isolates:.0f} MiB, "
        f"descriptors {now.proxy_descriptors:.0f} and {now.agent_descriptors:.0f}"
    )


def aims(soaked: Soaked) -> list[Aim]:
    wrong = sum(soaked.wrong.values())
    found = []
    for figure in STEADY:
        first, last = soaked.first(figure), soaked.last(figure)
        found.append(
            Aim(
                what=f"soak, {FIGURES[figure]}: at the end at most {BOUND:g} times what it was after the first minute",
                measured=last / first,
                bound=BOUND,
                at_least=False,
                shown=f"{last / first:.2f} times ({first:,.1f}, then {last:,.1f})",
                in_the_way=IN_THE_WAY if figure in MEMORY else "",
                errors=wrong,
            )
        )
    return found


def table(soaked: Soaked) -> Table:
    rows = []
    for figure, name in FIGURES.items():
        values = [
            getattr(soaked.before, figure),
            soaked.first(figure),
            soaked.last(figure),
            getattr(soaked.after, figure),
        ]
        rows.append([name, *(f"{value:,.1f}" if figure in MEMORY else f"{value:,.0f}" for value in values)])
    return Table(["what", "before the load", "after a minute", "at the end", "at rest again"], rows, "What is held")


def requests(soaked: Soaked) -> Table:
    rows = [[name, f"{number:,}"] for name, number in soaked.outcomes.items()]
    rows += [[f"**wrong** – {name}", f"{number:,}"] for name, number in soaked.wrong.items()]
    return Table(["request", "number"], rows, "What was sent")


TEXT = f"""\
`tyrex-pool proxy` (LeastLoaded) before {AGENTS} agents, {CALLERS} callers without a pause for $minutes minutes:
{len(USUAL)} kinds of requests, among them errors, 64 KiB in and out, and callers that leave before the answer; and now
and then one of {len(ENDS)} guests that lose their isolate (a deadline, the heap limit, an exit, a loop whose caller
leaves), so that $ended isolates were replaced. Every answer was checked: $wrong. *After a minute* is the median of the
$window s after the first $window s, *at the end* that of the last $window s; *at rest again* is $rest s after the load.
Of proxy and agents it is the resident memory, of isolates PSS, as they share the pages of their program."""


def text(soaked: Soaked) -> str:
    wrong = sum(soaked.wrong.values())
    return Template(TEXT).substitute(
        minutes=f"{soaked.seconds / MINUTE:.3g}",
        ended=f"{sum(soaked.outcomes.get(kind.name, 0) for kind in ENDS):,}",
        wrong=f"**{wrong:,} were wrong**" if wrong else "none was wrong",
        window=f"{soaked.window:g}",
        rest=f"{soaked.after.at - soaked.seconds:.0f}",
    )


def plot(soaked: Soaked) -> Plot:
    names = {"proxy": "proxy", "agents": f"{AGENTS} agents", "isolates": "isolates"}
    series = {
        name: [(one.at / MINUTE, float(getattr(one, figure))) for one in soaked.looks] for figure, name in names.items()
    }
    return plots.lines("soak-memory", "Memory under mixed load", "minutes", "MiB", series, marks=False)


def measure(plan: Plan, progress: Progress) -> Section:
    require_proc()
    soaked = soak(plan, progress)
    return Section(
        title="Under mixed load for long",
        text=text(soaked),
        tables=[table(soaked), requests(soaked)],
        aims=aims(soaked),
        plots=[plot(soaked)],
        data=asdict(soaked) | {"looks": [[round(value, 1) for value in astuple(one)] for one in soaked.looks]},
    )
