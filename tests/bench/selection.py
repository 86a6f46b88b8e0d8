"""The section of selection cost: what one decision takes, for pools of 2 to 1,000 runtimes; no I/O, no processes."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from statistics import median

from tests.bench import plots
from tests.bench.samples import Spread
from tests.bench.section import Aim, Plan, Plot, Progress, Section, Table
from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import STRATEGIES, make
from tyrex_pool.dispatch.strategy import DispatchStrategy
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.model.wire import EvalRequest

SIZES = (2, 10, 100, 1000)
LOADS: dict[str, Callable[[int], int]] = {
    "idle": lambda size: 0,
    "half busy": lambda size: size // 2,
    "one free": lambda size: size - 1,
    "all busy": lambda size: 2 * size,
}
"""Evals that a pool of that size has, running and waiting."""
BOUND = 2.0
KEYS = [f"user-{number}" for number in range(10_000)]
QUEUE = 1_000
TIMEOUT = 5.0
STEP = 1e-5
"""Seconds between two decisions, as the flow's clock has it."""
PARTS = 20
"""A measurement is cut into parts, and the median part counts: the machine's other work hits few of them."""
DECISIONS = 250
"""Of one part."""
MORE = 3
"""Times the plan's rounds: one takes two seconds."""


WORK = EvalRequest("1")


class Flow:
    """Evals that come and end at a constant load, as a proxy sees them: each decision takes one eval in, and then one
    at random ends. The pool's strategy and the load are all that differs."""

    def __init__(self, strategy: DispatchStrategy, size: int, load: int) -> None:
        chance = random.Random(size)
        self.strategy = strategy
        self.balancer: Balancer[Ticket, None] = Balancer(strategy)
        self.balancer.set_ready([Slot(f"runtime-{index}", index, 1, QUEUE, stage_limit=None) for index in range(size)])
        self._keys = cycle(KEYS)
        self._running: list[Ticket] = []
        self._places = cycle([chance.randrange(load + 1) for _ in range(10_007)])
        self._now = 0.0
        self.decide(load, end=False)
        self.decide(4 * size)  # until where evals run is as it stays

    def decide(self, times: int, end: bool = True) -> None:
        """So many decisions: submit, take, and (with `end`) finish another eval."""
        submit, take, finish = self.balancer.submit, self.balancer.take, self.balancer.finish
        running, now = self._running, self._now
        for key, place in islice(zip(self._keys, self._places, strict=False), times):
            now += STEP
            ticket = Ticket(WORK, key, now, now + TIMEOUT, None)
            taken = take(submit(ticket), now)
            assert taken is ticket
            running.append(ticket)
            if end:
                running[place], running[-1] = ticket, running[place]
                finish(running.pop(), now)
        self._now = now

    def select(self, times: int) -> None:
        """So many selections at the load as it stands."""
        select, ready = self.strategy.select, self.balancer.ready
        for key in islice(self._keys, times):
            select(ready, key)


def nanoseconds(work: Callable[[int], None], parts: int) -> float:
    """Of one decision; the median part."""
    took = []
    for _ in range(parts):
        started = time.perf_counter_ns()
        work(DECISIONS)
        took.append((time.perf_counter_ns() - started) / DECISIONS)
    return median(took)


@dataclass(frozen=True, slots=True)
class Cost:
    """In nanoseconds: a whole decision (submit, take, finish), and the strategy's `select` alone."""

    decision: float
    select: float


Costs = dict[tuple[str, str, int], list[Cost]]
"""By strategy, load and size: a cost for each round."""


def costs_of(strategy: str, load: str, parts: int) -> list[Cost]:
    """For each size."""
    flows = [Flow(make(strategy, random.Random(size)), size, LOADS[load](size)) for size in SIZES]
    return [Cost(nanoseconds(flow.decide, parts), nanoseconds(flow.select, parts)) for flow in flows]


def growth(small: Sequence[Cost], large: Sequence[Cost], of: Callable[[Cost], float]) -> Spread:
    """How many times the small pool's cost the large one's is, round by round."""
    return Spread.of([of(one) / of(other) for one, other in zip(large, small, strict=True)])


def worst(costs: Costs, strategy: str, of: Callable[[Cost], float]) -> tuple[Spread, str]:
    """The growth from the smallest to the largest pool in the load state where it is most, and which that is."""
    first, last = SIZES[0], SIZES[-1]
    growths = [(growth(costs[strategy, load, first], costs[strategy, load, last], of), load) for load in LOADS]
    return max(growths, key=lambda found: found[0].middle)


FIGURES: dict[str, Callable[[Cost], float]] = {
    "a decision": lambda cost: cost.decision,
    "`select` alone": lambda cost: cost.select,
}


def aims(costs: Costs) -> list[Aim]:
    found = []
    for strategy, (name, of) in product(STRATEGIES, FIGURES.items()):
        spread, load = worst(costs, strategy, of)
        found.append(
            Aim(
                what=f"{strategy}: {name} costs at {SIZES[-1]:,} runtimes at most {BOUND:g} times what it does at 2",
                measured=spread.middle,
                bound=BOUND,
                at_least=False,
                shown=f"{spread.text(2)} times ({load}, the worst of {len(LOADS)} states of load)",
                in_the_way="no step looks at more runtimes in a larger pool, but their records no longer stay in the "
                "processor's caches",
            )
        )
    return found


def plot(costs: Costs) -> Plot:
    """A decision of each strategy, in the state of load where it is dearest."""
    series = {
        strategy: [
            (
                size,
                max(median(FIGURES["a decision"](cost) for cost in costs[strategy, load, size]) for load in LOADS)
                / 1e3,
            )
            for size in SIZES
        ]
        for strategy in STRATEGIES
    }
    return plots.lines("selection", "A decision in the dearest state of load", "runtimes", "µs", series, log_x=True)


def table(costs: Costs, of: Callable[[Cost], float], title: str) -> Table:
    rows = []
    for strategy, load in product(STRATEGIES, LOADS):
        series = [costs[strategy, load, size] for size in SIZES]
        middles = [Spread.of([of(one) for one in each]).middle for each in series]
        rows.append(
            [strategy, load, *(f"{middle:,.0f}" for middle in middles), growth(series[0], series[-1], of).text(2)]
        )
    return Table(["strategy", "load", *(f"{size:,} runtimes" for size in SIZES), "growth"], rows, title)


TEXT = f"""\
What a proxy pays to choose a runtime, in nanoseconds, with no I/O: the balancer as the proxy uses it, with runtimes
that run one eval each. Evals come and end at a constant load: *idle*: none is in flight; *half busy*: half as many as
there are runtimes; *one free*: one fewer; *all busy*: twice as many, so that half of them wait. A decision is `submit`,
`take` and, for another eval at random, `finish`, with the making of the eval's ticket; *`select` alone* is the
strategy's part of it, at a load that stands still. Hash gets {len(KEYS):,} keys in turn; the others make no difference
between keys. *Growth* is the largest pool's cost beside the smallest one's, within a round."""


def measure(plan: Plan, progress: Progress) -> Section:
    parts, rounds = (PARTS // 4, plan.rounds) if plan.quick else (PARTS, plan.rounds * MORE)
    costs: Costs = {(strategy, load, size): [] for strategy, load, size in product(STRATEGIES, LOADS, SIZES)}
    progress.begin("selection", rounds * len(STRATEGIES) * len(LOADS))
    for _ in range(rounds):
        for strategy, load in product(STRATEGIES, LOADS):
            found = costs_of(strategy, load, parts)
            for size, cost in zip(SIZES, found, strict=True):
                costs[strategy, load, size].append(cost)
            progress.show(f"{strategy}, {load}", f"{' / '.join(f'{cost.decision:,.0f}' for cost in found)} ns")
    return Section(
        title="The cost of a choice",
        text=TEXT,
        tables=[
            table(costs, FIGURES["a decision"], "A decision, ns"),
            table(costs, FIGURES["`select` alone"], "`select` alone, ns"),
        ],
        aims=aims(costs),
        plots=[plot(costs)],
        data={
            f"{strategy}, {load}, {size}": [[round(one.decision, 1), round(one.select, 1)] for one in rounds]
            for (strategy, load, size), rounds in costs.items()
        },
    )
