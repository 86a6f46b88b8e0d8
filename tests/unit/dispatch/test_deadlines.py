"""Deadlines against a list that is searched every time."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tyrex_pool.dispatch.deadlines import TICK, Deadlines

PER_SECOND = round(1 / TICK)
SECONDS = st.integers(0, 3_000).map(lambda ms: ms / 1000) | st.floats(0, 1e9)


@dataclass(eq=False)
class Item:
    deadline: float
    bucket: Any = None


def bucket(item: Item) -> int:
    return int(item.deadline * PER_SECOND)


@pytest.mark.parametrize(
    ("deadlines", "now", "due"),
    [
        pytest.param([], 1.0, [], id="nothing"),
        pytest.param([2.0], 1.0, [], id="later"),
        pytest.param([1.0], 1.0, [], id="never before it has passed"),
        pytest.param([1.001], 1.0 + 2 * TICK, [1.001], id="at most a bucket late"),
        pytest.param([1.5, 1.2, 9.0], 2.0, [1.2, 1.5], id="the oldest first"),
        pytest.param([1e9, 1.0], 2.0, [1.0], id="far apart"),
    ],
)
def test_due(deadlines: list[float], now: float, due: list[float]) -> None:
    timed: Deadlines[Item] = Deadlines()
    for deadline in deadlines:
        timed.add(Item(deadline))
    assert [item.deadline for item in timed.due(now)] == due


def test_one_that_is_added_before_what_was_due_is_found() -> None:
    timed: Deadlines[Item] = Deadlines()
    late, early = Item(50.0), Item(1.0)
    timed.add(late)
    assert timed.due(10.0) == []
    timed.add(early)
    assert timed.due(10.1) == [early]
    assert timed.due(51.0) == [late]
    assert not timed


def test_it_is_not_needed_for_longer_than_the_last_deadline() -> None:
    timed: Deadlines[Item] = Deadlines()
    item = Item(1.0)
    timed.add(item)
    timed.discard(item)
    assert timed.due(1.0 + 2 * TICK) == []
    assert not timed


class AgainstAList(RuleBasedStateMachine):
    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.timed: Deadlines[Item] = Deadlines()
        self.inside: list[Item] = []

    @rule(target=items, deadline=SECONDS)
    def add(self, deadline: float) -> Item:
        item = Item(deadline)
        self.timed.add(item)
        self.inside.append(item)
        return item

    @rule(item=consumes(items))
    def discard(self, item: Item) -> None:
        self.timed.discard(item)
        if item in self.inside:
            self.inside.remove(item)

    @rule(now=SECONDS)
    def due(self, now: float) -> None:
        passed = [item for item in self.inside if bucket(item) < int(now * PER_SECOND)]
        assert self.timed.due(now) == sorted(passed, key=bucket)
        for item in passed:
            self.inside.remove(item)
            assert item.deadline <= now + 1e-6, "early"
        assert all(now < item.deadline + TICK + 1e-6 for item in self.inside), "late"

    @invariant()
    def tells_whether_it_may_be_needed(self) -> None:
        assert self.timed or not self.inside


TestAgainstAList = AgainstAList.TestCase
TestAgainstAList.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
