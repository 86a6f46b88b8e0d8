"""What the built-in strategies choose by their indexes is what looking at every runtime would tell, at any time."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.hash import Hash
from tyrex_pool.dispatch.loads import Lot, watch
from tyrex_pool.dispatch.strategies import LeastLoaded, RoundRobin
from tyrex_pool.dispatch.strategy import DispatchStrategy, Runtime, free
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.dispatch.uniform import Random

WHICH = st.integers(0, 10_000)
AnySlot = Slot[Ticket, None]


def load(runtime: Runtime) -> int:
    return runtime.in_flight + runtime.queued


class Turn:
    """Goes around among all of those that suit, looking at every one."""

    def __init__(self, suits: Callable[[Sequence[Runtime]], list[Runtime]]) -> None:
        self.suits = suits
        self.order: list[Runtime] = []

    def look(self, runtimes: Sequence[Runtime]) -> Runtime:
        survivors = [runtime for runtime in self.order if runtime in runtimes]
        start = runtimes.index(survivors[-1]) + 1 if survivors else 0
        around = [*runtimes[start:], *runtimes[:start]]
        suitable = self.suits(runtimes) or around
        return next(runtime for runtime in around if runtime in suitable)

    def took(self, runtimes: Sequence[Runtime], chosen: Runtime) -> None:
        after = runtimes.index(chosen) + 1
        self.order = [*runtimes[after:], *runtimes[:after]]


def lightest(runtimes: Sequence[Runtime]) -> list[Runtime]:
    return [runtime for runtime in runtimes if load(runtime) == min(map(load, runtimes))]


class Loads(RuleBasedStateMachine):
    """A balancer's slots, whose load, capacity and number change in every way that there is."""

    kind: Callable[[], DispatchStrategy]
    suits: Callable[[Sequence[Runtime]], list[Runtime]]

    @initialize(size=st.integers(1, 6), members=st.sets(st.integers(0, 5)))
    def start(self, size: int, members: set[int]) -> None:
        self.slots: list[AnySlot] = [Slot(str(index), index, 1 + index % 2, 9, None) for index in range(size)]
        self.strategy, self.model = type(self).kind(), Turn(type(self).suits)
        self.balancer: Balancer[Ticket, None] = Balancer(self.strategy)
        self.members(members or {0})

    @rule(members=st.sets(st.integers(0, 5), min_size=1))
    def members(self, members: set[int]) -> None:
        self.balancer.set_ready([slot for slot in self.slots if slot.index in members])

    @rule(which=WHICH)
    def one_ends(self, which: int) -> None:
        busy = [slot for slot in self.slots if slot.own]
        if busy:
            busy[which % len(busy)].changed(-1)

    @rule(which=WHICH, elsewhere=st.integers(0, 4), capacity=st.integers(1, 3))
    def one_reports(self, which: int, elsewhere: int, capacity: int) -> None:
        slot = self.slots[which % len(self.slots)]
        slot.foreign_load, slot.capacity = elsewhere, capacity
        slot.changed(0)

    @rule()
    def the_strategy_is_used_anew(self) -> None:
        self.balancer.use(self.strategy)

    @precondition(lambda self: self.balancer.ready)
    @rule(submitted=st.booleans())
    def choose(self, submitted: bool) -> None:
        self.choose_from(self.balancer.ready, submitted)

    @precondition(lambda self: self.balancer.ready)
    @rule(which=WHICH, kind=st.sampled_from((list, tuple)))
    def choose_another(self, which: int, kind: type) -> None:
        """As for an eval that one runtime could not take: these runtimes are not told to the strategy."""
        ready = self.balancer.ready
        others = kind(slot for slot in ready if slot is not ready[which % len(ready)])
        if others:
            self.choose_from(others, True)
            if kind is list:
                others.reverse()
                self.choose_from(others, True)

    def choose_from(self, runtimes: Sequence[AnySlot], submitted: bool) -> None:
        expected = self.model.look(runtimes)
        chosen = self.strategy.select(runtimes, None)
        assert chosen is expected
        self.model.took(runtimes, expected)
        if submitted:
            assert isinstance(chosen, Slot)
            chosen.changed(+1)

    @invariant()
    def told_is_what_comes(self) -> None:
        if self.balancer.ready:
            assert self.strategy.explain(self.balancer.ready, None)[0] is self.model.look(self.balancer.ready)


class RoundRobinLoads(Loads):
    kind = RoundRobin
    suits = staticmethod(free)


class LeastLoadedLoads(Loads):
    kind = LeastLoaded
    suits = staticmethod(lightest)


class LotLoads(RuleBasedStateMachine):
    """Every draw names a free one, and many draws name each."""

    @initialize(size=st.integers(1, 6))
    def start(self, size: int) -> None:
        self.slots: list[AnySlot] = [Slot(str(index), index, 1 + index % 2, 9, None) for index in range(size)]
        self.lot = Lot(self.slots)
        watch(self.lot, self.slots)

    @rule(which=WHICH, own=st.sampled_from((-1, 1)))
    def change(self, which: int, own: int) -> None:
        slot = self.slots[which % len(self.slots)]
        if slot.own + own >= 0:
            slot.changed(own)

    @rule(which=WHICH, elsewhere=st.integers(0, 3), capacity=st.integers(1, 3))
    def report(self, which: int, elsewhere: int, capacity: int) -> None:
        slot = self.slots[which % len(self.slots)]
        slot.foreign_load, slot.capacity = elsewhere, capacity
        slot.changed(0)

    @rule(seed=WHICH, count=st.sampled_from((1, 200)))
    def draw(self, seed: int, count: int) -> None:
        chance = random.Random(seed).random
        drawn = {self.slots[self.lot.draw(chance)] for _ in range(count)}
        among = set(free(self.slots) or self.slots)
        assert drawn <= among
        assert drawn == among or count == 1, "each of six is among 200"


LIVES = settings(max_examples=100, stateful_step_count=40, deadline=None)
for life in (RoundRobinLoads, LeastLoadedLoads, LotLoads):
    life.TestCase.settings = LIVES
TestRoundRobin = RoundRobinLoads.TestCase
TestLeastLoaded = LeastLoadedLoads.TestCase
TestLot = LotLoads.TestCase


@pytest.mark.parametrize(
    ("strategy", "keys", "watched"),
    [
        pytest.param(RoundRobin(), [None], True, id="RoundRobin"),
        pytest.param(LeastLoaded(), [None], True, id="LeastLoaded"),
        pytest.param(Random(random.Random(1)), [None], True, id="Random"),
        pytest.param(Hash(random.Random(1)), ["a", "b"], False, id="Hash"),
        pytest.param(Hash(random.Random(1)), ["a", None], True, id="Hash without a key"),
    ],
)
def test_a_load_is_told_to_the_strategy_that_needs_it(
    strategy: DispatchStrategy, keys: list[str | None], watched: bool
) -> None:
    slots: list[AnySlot] = [Slot(str(index), index, 1, 9, None) for index in range(3)]
    balancer: Balancer[Ticket, None] = Balancer(strategy)
    balancer.set_ready(slots)
    for key in keys:
        strategy.select(balancer.ready, key)
    assert [slot.watch is not None for slot in slots] == [watched] * 3
    balancer.set_ready(slots[1:])
    strategy.select(balancer.ready, None)
    assert [slot.watch is not None for slot in slots] == [False, True, True], "what left tells nobody"
    balancer.use(Hash(random.Random(1)))
    assert not any(slot.watch for slot in slots)


def test_random_stays_uniform_while_loads_change() -> None:
    chance = random.Random(5)
    slots: list[AnySlot] = [Slot(str(index), index, 1, 9, None) for index in range(10)]
    strategy = Random(chance)
    balancer: Balancer[Ticket, None] = Balancer(strategy)
    balancer.set_ready(slots)
    drawn = [0] * len(slots)
    for _ in range(20_000):
        among = free(slots)
        chosen = strategy.select(balancer.ready, None)
        assert isinstance(chosen, Slot)
        assert chosen in among
        drawn[chosen.index] += 1
        chosen.changed(+1)
        busy = [slot for slot in slots if slot.own]
        if len(busy) > 6:
            chance.choice(busy).changed(-1)
    assert max(drawn) - min(drawn) < 300, "each of the ten has 2,000, give or take 45"
