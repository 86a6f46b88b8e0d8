"""The section without HTTP: LocalPool beside denobox, one eval after another, and beside piscina, 32 at once."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import piscina, plots
from tests.bench.processes import environment
from tests.bench.samples import Sample, Spread, ratio, spread
from tests.bench.section import Aim, Plan, Plot, Progress, Section, Table

ROOT = Path(__file__).resolve().parents[2]
CALLERS = 32
TASKS = {
    "trivial": "1 + 2",
    "compute": "const end = performance.now() + 1; while (performance.now() < end); 3",
}
"""Each gives 3."""
WARM_UP = 0.3
"""Seconds before the clock starts."""
NAMES = {
    "denobox": "denobox, blocking",
    "denobox-async": "denobox, asyncio (on uvloop)",
    "local-uvloop": "`LocalPool`, uvloop",
    "local-asyncio": "`LocalPool`, plain asyncio",
    "piscina": "piscina",
    "piscina-16": "piscina, `concurrentTasksPerWorker: 16`",
}
PLOTTED = {
    "denobox": "denobox",
    "denobox-async": "denobox,\nasyncio",
    "local-uvloop": "LocalPool,\nuvloop",
    "local-asyncio": "LocalPool,\nasyncio",
    "piscina-16": "piscina,\n16 tasks",
}
"""Shorter ones for a plot."""
TASKS_PER_THREAD = {"piscina": 1, "piscina-16": 16}


@dataclass(frozen=True, slots=True)
class Case:
    """One eval, so many callers, and the paths that take turns; `reference` is one of them."""

    title: str
    task: str
    callers: int
    reference: str
    paths: tuple[str, ...]
    in_the_way: str
    ours: tuple[str, ...] = ("local-uvloop", "local-asyncio")


CASES = (
    Case(
        "one after another",
        "trivial",
        1,
        "denobox",
        ("denobox", "local-uvloop", "local-asyncio"),
        "the way through the pipe and back wakes two processes, as denobox's does; on top comes Python's CPU time for "
        "an event loop, the queue, the deadline and the nonces of each eval",
    ),
    Case(
        f"{CALLERS} at once, `1 + 2`",
        "trivial",
        CALLERS,
        "piscina",
        ("piscina", "local-uvloop", "local-asyncio", "piscina-16", "denobox-async"),
        "the CPU time of Python per eval: its one process feeds both isolates",
    ),
    Case(
        f"{CALLERS} at once, 1 ms of computing",
        "compute",
        CALLERS,
        "piscina",
        ("piscina", "local-uvloop", "local-asyncio", "piscina-16"),
        "both isolates could fill the machine's two cores, and Python takes its CPU time from one of them",
    ),
)
TEXT = f"""\
No HTTP: `await pool.eval(code)` in a program of one's own, each measurement a process of its own. One eval after
another is measured beside the PyPI package denobox, with one runtime; {CALLERS} callers at once beside the npm package
piscina, with {piscina.THREADS} runtimes and {piscina.THREADS} worker threads. piscina's callers run inside Node; each
sends the same code as text, a thread evaluates it by indirect eval in its global scope, and the caller gets the result.
The eval of 1 ms is a loop until `performance.now()` has moved on by 1 ms.

A piscina task runs in a thread of the caller's own process, without permissions or limits of its own. A thread has one
task at a time by default; with `concurrentTasksPerWorker: 16` it is sent tasks ahead, as `LocalPool` stages evals, but
what lies behind a slow task cannot go elsewhere then. That row is shown beside the others and has no aim."""


def once(path: str, case: Case, seconds: float) -> Sample:
    """One measurement in a process of its own."""
    if path in TASKS_PER_THREAD:
        return piscina.measure(TASKS[case.task], case.callers, TASKS_PER_THREAD[path], seconds, WARM_UP)
    command = [sys.executable, "-m", "tests.bench.inprocess_run", path, case.task, str(case.callers), str(seconds)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=seconds + 60, cwd=ROOT, env=environment())
    return Sample(**json.loads(run.stdout.splitlines()[-1]))


Measured = dict[str, list[Sample]]
"""A sample of each round, by path."""


def aims(case: Case, measured: Measured) -> list[Aim]:
    """Ours beside the reference, round by round."""

    def aim(path: str) -> Aim:
        beside = ratio(measured[path], measured[case.reference])
        return Aim(
            what=f"{NAMES[path]}, {case.title}: at least 1.0 times {NAMES[case.reference]}",
            measured=beside.middle,
            bound=1.0,
            at_least=True,
            shown=f"{beside.text(2)} times",
            in_the_way=case.in_the_way,
        )

    return [aim(path) for path in case.ours]


def table(case: Case, measured: Measured) -> Table:
    kinds = sorted({kind for samples in measured.values() for sample in samples for kind in sample.cpu})
    beside = NAMES[case.reference].partition(",")[0]
    head = ["path", "evals per second", f"beside {beside}", "p50 µs", "p99 µs", *(f"CPU µs, {kind}" for kind in kinds)]
    rows = []
    for path, samples in measured.items():
        row = [
            NAMES[path],
            spread(samples, lambda sample: sample.rate).text(),
            ratio(samples, measured[case.reference]).text(2),
            spread(samples, lambda sample: sample.p50).text(),
            spread(samples, lambda sample: sample.p99).text(),
        ]
        rows.append(row + [_cpu(samples, kind) for kind in kinds])
    return Table(head, rows, case.title[0].upper() + case.title[1:])


def _cpu(samples: Sequence[Sample], kind: str) -> str:
    values = [sample.cpu[kind] for sample in samples if kind in sample.cpu]
    return f"{Spread.of(values).middle:,.1f}" if values else "–"


def plot(case: Case, measured: Measured) -> Plot:
    rates = {PLOTTED.get(path, NAMES[path]): [sample.rate for sample in samples] for path, samples in measured.items()}
    return plots.dots(
        f"inprocess-{case.task}-{case.callers}", f"In one process, {case.title}", "evals per second", rates
    )


def measure(plan: Plan, progress: Progress) -> Section:
    piscina.install(progress)
    results = {case: {path: list[Sample]() for path in case.paths} for case in CASES}
    progress.begin("inprocess", plan.rounds * sum(len(case.paths) for case in CASES))
    for _ in range(plan.rounds):
        for case, measured in results.items():
            for path in case.paths:
                sample = once(path, case, plan.seconds)
                measured[path].append(sample)
                progress.show(f"{NAMES[path]}, {case.title}", sample)
    return Section(
        title="In one process",
        text=TEXT,
        tables=[table(case, measured) for case, measured in results.items()],
        plots=[plot(case, measured) for case, measured in results.items() if case.callers > 1],
        aims=[aim for case, measured in results.items() for aim in aims(case, measured)],
        data={
            case.title: {path: [asdict(sample) for sample in samples] for path, samples in measured.items()}
            for case, measured in results.items()
        },
        versions=piscina.versions(),
    )
