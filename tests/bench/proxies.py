"""Section: the proxy alone, beside HAProxy and Envoy before the same fake runtimes, one core each."""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tests.bench import compare, load, plots, rivals, targets, turns
from tests.bench.compare import Comparison, busy, cpu_of
from tests.bench.load import Workload
from tests.bench.processes import TYREX, can_pin
from tests.bench.samples import Sample, p99, rate, spread
from tests.bench.section import Aim, Plan, Plot, Progress, Section
from tests.bench.targets import FAKE, PROXY, Running, Start
from tests.bench.turns import Load, Results

MEASURED, LOADING = (0, 1) if can_pin() else (None, None)
"""Cores: the proxy has one, load and fake runtimes the other."""

OURS, HAPROXY, ENVOY, NONE = "`tyrex-pool proxy`", "HAProxy", "Envoy", "no proxy"
COLUMNS = {"proxy": (PROXY,), "fake runtimes": (FAKE,), "wrk": (load.ROLE,)}
BUSY = {"proxy, % of a core": busy(PROXY), "load, % of a core": busy(FAKE, load.ROLE)}

TEXT = """\
Nothing is evaluated here: fake runtimes, all in one process, answer at once with the bytes that an agent answers with.
{cores}, and the last two columns show which was the limit.
All run one thread and log nothing. HAProxy balances `roundrobin` and Envoy `ROUND_ROBIN` over HTTP/1.1 connections that
they keep. Ours does `RoundRobin` with everything on (parsing, keys, queue, deadlines, limits, metrics), and sends its
evals over one stream to each runtime, as it does in a cluster; the fake runtimes speak both. *No proxy* is one of them
asked directly: what the load could reach. Rows with a header of its own in each request are there because most of
ours are alike otherwise, and what a proxy remembers of a head would not help it then."""
CORES = {
    True: "Each proxy has a core of its own; wrk and the fake runtimes share the other one",
    False: "All share the core or cores of this machine, where a proxy could not have one of its own",
}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Targets that are compared: `starts` makes them from the runtimes' URLs and the core that they have."""

    title: str
    runtimes: int
    starts: Callable[[Sequence[str], int | None], Mapping[str, Start]]
    loads: Sequence[Load]
    has_aims: bool = False
    afresh: bool = False
    """Started for their turn only: a proxy checks each of its runtimes every second."""
    pinned: bool = True

    def plan(self, plan: Plan) -> Plan:
        return plan if self.has_aims else plan.lighter()

    def total(self, plan: Plan) -> int:
        return self.plan(plan).rounds * len(self.starts(["http://127.0.0.1"], None)) * len(self.loads)

    def measure(self, plan: Plan, progress: Progress) -> Results:
        measured, loading = (MEASURED, LOADING) if self.pinned else (None, None)
        run = turns.started_in_turns if self.afresh else turns.kept
        with targets.fakes(self.runtimes, loading) as (urls, role):
            starts = {path: partial(targets.beside, start, role) for path, start in self.starts(urls, measured).items()}
            return run(starts, self.loads, self.plan(plan), progress, loading)


def _plain(urls: Sequence[str], core: int | None) -> dict[str, Start]:
    return {
        OURS: partial(targets.proxy, urls, core=core),
        HAPROXY: partial(rivals.haproxy, urls, core),
        ENVOY: partial(rivals.envoy, urls, core),
    }


def _with_none(urls: Sequence[str], core: int | None) -> dict[str, Start]:
    return {NONE: partial(_directly, urls[0])} | _plain(urls, core)


@contextmanager
def _directly(url: str) -> Iterator[Running]:
    yield Running(url, {})


def _by_key(urls: Sequence[str], core: int | None) -> dict[str, Start]:
    return {
        f"{OURS}, Hash": partial(targets.proxy, urls, "--strategy", "Hash", core=core),
        f"{HAPROXY}, consistent hash": partial(rivals.haproxy, urls, core, by_key=True),
        f"{ENVOY}, ring hash": partial(rivals.envoy, urls, core, by_key=True),
    }


def _strategies(urls: Sequence[str], core: int | None) -> dict[str, Start]:
    least_loaded = partial(targets.proxy, urls, "--strategy", "LeastLoaded", core=core)
    return _plain(urls, core) | {f"{OURS}, LeastLoaded": least_loaded}


def _workers(urls: Sequence[str], core: int | None) -> dict[str, Start]:
    return {
        f"{OURS}, workers {number}": partial(targets.proxy, urls, "--workers", str(number), core=core)
        for number in (1, 2)
    }


def _loads(workload: Workload, *connections: int) -> list[Load]:
    return [(workload, number) for number in connections]


TWO = Block("Two runtimes", 2, _with_none, _loads(Workload.TRIVIAL, 1, 32, 256, 2_000), has_aims=True)
OTHERS = Block(
    "Two runtimes",
    2,
    _plain,
    [*_loads(Workload.TRACES, 32), *_loads(Workload.IDS, 32, 256), *_loads(Workload.LARGE, 32)],
)
KEYS = Block("Two runtimes", 2, _by_key, _loads(Workload.KEYS, 32, 256))
MANY = Block("200 runtimes", 200, _strategies, _loads(Workload.TRIVIAL, 32, 256), afresh=True)
WORKERS = Block("Workers workers, no core of their own", 2, _workers, _loads(Workload.TRIVIAL, 256), pinned=False)


def measure(plan: Plan, progress: Progress) -> Section:
    blocks = [TWO, OTHERS, KEYS, MANY, *([WORKERS] if _has_workers() else [])]
    progress.begin("proxies", sum(block.total(plan) for block in blocks))
    results = {block: block.measure(plan, progress) for block in blocks}
    return Section(
        "The proxy alone",
        TEXT.format(cores=CORES[can_pin()]),
        tables=[
            table
            for block, measured in results.items()
            for table in compare.tables(measured, _reference(measured), COLUMNS, BUSY, f"{block.title}: ")
        ],
        aims=aims(results[TWO]),
        plots=_plots(results[TWO]),
        data={
            f"{block.title}, {block.loads[0][0].name.lower()}": compare.plain(each) for block, each in results.items()
        },
    )


def _reference(results: Results) -> str:
    """HAProxy, or what stands in its place."""
    paths = list(dict.fromkeys(case.path for case in results))
    return next((path for path in paths if path.startswith(HAPROXY)), paths[0])


def aims(results: Results) -> list[Aim]:
    found = []
    for number in (32, 256):
        where = f"proxy alone, {number} connections"
        beside_envoy = Comparison.of(results, (Workload.TRIVIAL, number), OURS, ENVOY, [PROXY])
        beside_haproxy = Comparison.of(results, (Workload.TRIVIAL, number), OURS, HAPROXY, [PROXY])
        found += [
            beside_envoy.ratio(f"{where}: throughput, times Envoy's", 1.5),
            beside_haproxy.ratio(f"{where}: throughput, times HAProxy's", 0.8),
            beside_haproxy.ratio(f"{where}: p99, times HAProxy's", 1.5, at_least=False, of=p99),
            beside_haproxy.ratio(f"{where}: CPU per request, times HAProxy's", 1.6, at_least=False, of=cpu_of(PROXY)),
        ]
    return found


def _plots(results: Results) -> list[Plot]:
    paths = (NONE, OURS, HAPROXY, ENVOY)
    throughput = compare.series(results, paths, Workload.TRIVIAL, rate)
    tail = compare.series(results, paths, Workload.TRIVIAL, p99)
    cpu = {
        case.path: _split(samples) for case, samples in results.items() if case.connections == 32 and case.path != NONE
    }
    return [
        plots.lines("proxies-throughput", "Requests per second", "connections", "per second", throughput, log_x=True),
        plots.lines("proxies-p99", "p99 latency", "connections", "µs", tail, log_x=True, log_y=True),
        plots.stacked("proxies-cpu", "CPU time of the proxy per request, 32 connections", "µs", cpu),
    ]


def _split(samples: Sequence[Sample]) -> dict[str, float]:
    kernel = spread(samples, compare.kernel_of(PROXY)).middle
    return {"in the program": spread(samples, cpu_of(PROXY)).middle - kernel, "in the kernel": kernel}


def _has_workers() -> bool:
    """Whether the proxy of this checkout can have several."""
    return "--workers" in subprocess.run([*TYREX, "proxy", "--help"], check=True, capture_output=True, text=True).stdout
