"""Section: a proxy before two agents, beside HAProxy and Envoy in its place, and beside an agent asked directly."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from tests.bench import compare, load, plots, rivals, targets, turns
from tests.bench.compare import Comparison
from tests.bench.load import Workload
from tests.bench.samples import p50, rate
from tests.bench.section import Aim, Plan, Progress, Section
from tests.bench.targets import AGENT, DENO, PROXY, Running
from tests.bench.turns import Load, Results

OURS, HAPROXY, ENVOY, DIRECT = "`tyrex-pool proxy`", "HAProxy", "Envoy", "one agent, no proxy"
COLUMNS = {"proxy": (PROXY,), "agents": (AGENT,), "Deno": (DENO,), "wrk": (load.ROLE,)}
CONNECTIONS = (1, 32, 256)
CONCURRENT = 100
"""Evals at a time in a runtime, where evals wait: one at a time would be 50 of them in a second."""

TRIVIAL: Sequence[Load] = [(Workload.TRIVIAL, number) for number in CONNECTIONS]
ONE_AT_A_TIME: Sequence[Load] = [
    (workload, number) for workload in (Workload.COMPUTING, Workload.LARGE) for number in (1, 32)
]
WAITING: Sequence[Load] = [(Workload.WAITING, number) for number in (32, 256)]

TEXT = f"""\
As in a cluster: a proxy before two `tyrex-pool agent`s, each with its isolate; HAProxy and Envoy before the same two
agents; and one of the agents asked directly. Proxy, agents, isolates and wrk share the machine's cores as they like.
`concurrency` is 1, but {CONCURRENT} for 20 ms of awaiting."""


WAKING = (
    "a process more on the way is woken twice for an eval, on two cores that have gone to sleep meanwhile; HAProxy's "
    "row shows what a proxy adds that computes hardly anything. "
)


def measure(plan: Plan, progress: Progress) -> Section:
    light = plan.lighter()
    progress.begin("hops", 4 * (plan.rounds * len(TRIVIAL) + light.rounds * (len(ONE_AT_A_TIME) + len(WAITING))))
    with ExitStack() as stack:
        running = _running(stack)
        results = turns.in_turns(running, TRIVIAL, plan, progress)
        results |= turns.in_turns(running, ONE_AT_A_TIME, light, progress)
    with ExitStack() as stack:
        results |= turns.in_turns(_running(stack, concurrency=CONCURRENT), WAITING, light, progress)
    throughput = compare.series(results, (DIRECT, OURS, HAPROXY, ENVOY), Workload.TRIVIAL, rate)
    return Section(
        "A proxy and two agents",
        TEXT,
        tables=compare.tables(results, HAPROXY, COLUMNS),
        aims=aims(results),
        plots=[plots.lines("hops-throughput", "Evals per second", "connections", "per second", throughput, log_x=True)],
        data={"hops": compare.plain(results)},
    )


def _running(stack: ExitStack, **spec: object) -> Mapping[str, Running]:
    """All targets, before the same agents."""
    agents = [stack.enter_context(targets.agent(**spec)) for _ in range(2)]
    urls = [agent.url for agent in agents]
    roles = agents[0].roles | agents[1].roles
    starts = {
        OURS: partial(targets.proxy, urls),
        HAPROXY: partial(rivals.haproxy, urls),
        ENVOY: partial(rivals.envoy, urls),
    }
    proxies = {
        path: stack.enter_context(turns.warm(partial(targets.beside, start, roles))) for path, start in starts.items()
    }
    return {DIRECT: agents[0]} | proxies


def aims(results: Results) -> list[Aim]:
    found = [
        Comparison.of(results, one, OURS, HAPROXY).ratio(
            f"proxy and two agents, {one[1]} connections: throughput, times HAProxy's", 0.8
        )
        for one in TRIVIAL
        if one[1] > 1
    ]
    directly = Comparison.of(results, TRIVIAL[0], OURS, DIRECT)
    what = "proxy and two agents, 1 connection: p50 above an agent asked directly, µs"
    return [*found, directly.above(what, 100, p50, "µs", WAKING)]
