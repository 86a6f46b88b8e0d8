"""Section: `tyrex-pool serve` with two runtimes, beside a bare `Deno.serve` that evaluates."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from tests.bench import compare, load, plots, targets, turns
from tests.bench.compare import Comparison
from tests.bench.load import Workload
from tests.bench.samples import rate
from tests.bench.section import Aim, Plan, Progress, Section
from tests.bench.targets import DENO, SERVE, Start
from tests.bench.turns import Load, Results

OURS, BARE = "`tyrex-pool serve`", "bare `Deno.serve`"
COLUMNS = {"serve": (SERVE,), "Deno": (DENO,), "wrk": (load.ROLE,)}
CONCURRENT = 100

TRIVIAL: Sequence[Load] = [(Workload.TRIVIAL, number) for number in (1, 32, 256, 2_000)]
OTHERS: Sequence[Load] = [(Workload.COMPUTING, 32), (Workload.LARGE, 32)]
WAITING: Sequence[Load] = [(Workload.WAITING, number) for number in (32, 256)]
SHARED = (
    "server and isolate share an eval, and both share two cores with the load: the sum of their times bounds the rate. "
    "A profile of the server (perf, 32 connections) has 53 % in the interpreter, spread over some 40 short functions, "
    "and 39 % in the kernel, half of that sending the answer. "
)
AIMS = {32: 0.6, 256: 0.9}
"""Connections → throughput, times the bare one's."""

TEXT = f"""\
One server with two isolates on one machine. The bare `Deno.serve` evaluates in the process that answers: no queue, no
deadline, no limits, and a guest that loops stops it for good. `concurrency` is 1, but {CONCURRENT} for 20 ms of
awaiting: one at a time, two runtimes could do no more than 100 of those in a second."""


def measure(plan: Plan, progress: Progress) -> Section:
    light = plan.lighter()
    progress.begin("serve", 2 * (plan.rounds * len(TRIVIAL) + light.rounds * (len(OTHERS) + len(WAITING))))
    with ExitStack() as stack:
        running = {path: stack.enter_context(turns.warm(start)) for path, start in _starts().items()}
        results = turns.in_turns(running, TRIVIAL, plan, progress)
        results |= turns.in_turns(running, OTHERS, light, progress)
    results |= turns.kept(_starts(concurrency=CONCURRENT), WAITING, light, progress)
    throughput = compare.series(results, (OURS, BARE), Workload.TRIVIAL, rate)
    return Section(
        "One server and its isolates",
        TEXT,
        tables=compare.tables(results, BARE, COLUMNS),
        aims=aims(results),
        plots=[
            plots.lines("serve-throughput", "Evals per second", "connections", "per second", throughput, log_x=True)
        ],
        data={"serve": compare.plain(results)},
    )


def _starts(**spec: object) -> Mapping[str, Start]:
    return {BARE: targets.bare, OURS: partial(targets.serve, size=2, **spec)}


def aims(results: Results) -> list[Aim]:
    return [
        Comparison.of(results, (Workload.TRIVIAL, number), OURS, BARE).ratio(
            f"serve, two runtimes, {number} connections: throughput, times the bare eval's", bound, why=SHARED
        )
        for number, bound in AIMS.items()
    ]
