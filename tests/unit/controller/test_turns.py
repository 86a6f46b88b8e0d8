from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.controller.turns import Key, Turns, Urgency

CHANGE, REPAIR, RESYNC = Urgency.CHANGE, Urgency.REPAIR, Urgency.RESYNC
WORKERS = 8


def key(text: str) -> Key:
    return Key(*text.split("/"))


def filled(*added: tuple[str, Urgency], workers: int = WORKERS) -> Turns:
    turns = Turns(workers)
    for text, urgency in added:
        turns.add(key(text), urgency)
    return turns


def taken(turns: Turns) -> list[str]:
    """All of it, one after another."""
    found = []
    while (one := turns.take()) is not None:
        found.append(str(one))
        turns.give_back(one)
    return found


def of(namespace: str, names: Iterable[object], urgency: Urgency) -> list[tuple[str, Urgency]]:
    return [(f"{namespace}/{name}", urgency) for name in names]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([("a/1", REPAIR), ("a/2", REPAIR)], ["a/1", "a/2"], id="in the order of adding"),
        pytest.param([("a/1", REPAIR), ("a/1", REPAIR)], ["a/1"], id="twice is once"),
        pytest.param([("a/1", RESYNC), ("a/2", CHANGE)], ["a/2", "a/1"], id="a change before a resync"),
        pytest.param([("a/1", REPAIR), ("a/2", CHANGE)], ["a/2", "a/1"], id="a change before a repair"),
        pytest.param([("a/1", CHANGE), ("a/2", RESYNC), ("a/3", REPAIR)], ["a/1", "a/3", "a/2"], id="all three"),
        pytest.param([("a/1", RESYNC), ("a/2", RESYNC), ("a/2", CHANGE)], ["a/2", "a/1"], id="becomes urgent"),
        pytest.param([("a/1", CHANGE), ("a/2", CHANGE), ("a/1", RESYNC)], ["a/1", "a/2"], id="stays urgent"),
        pytest.param(
            [*of("a", range(3), CHANGE), *of("b", range(2), CHANGE)],
            ["a/0", "b/0", "a/1", "b/1", "a/2"],
            id="namespaces in turn",
        ),
        pytest.param(
            [*of("a", range(5), CHANGE), *of("b", range(3), REPAIR), *of("c", range(2), RESYNC)],
            ["a/0", "b/0", "a/1", "c/0", "a/2", "b/1", "a/3", "c/1", "a/4", "b/2"],
            id="nobody starves",
        ),
    ],
)
def test_the_order(added: list[tuple[str, Urgency]], expected: list[str]) -> None:
    assert taken(filled(*added)) == expected


def test_a_change_waits_four_turns_at_most_however_much_of_another_namespace_there_is() -> None:
    turns = filled(*of("a", range(300), CHANGE), *of("c", range(300), REPAIR))
    for _ in range(50):
        one = turns.take()
        assert one is not None
        turns.give_back(one)
    turns.add(key("b/1"), CHANGE)
    assert "b/1" in [str(turns.take()) for _ in range(4)]


def test_one_namespace_leaves_a_worker_to_the_others() -> None:
    turns = filled(*of("a", range(20), CHANGE))
    mine = [one for _ in range(WORKERS) if (one := turns.take()) is not None]
    assert len(mine) == WORKERS - 1
    turns.add(key("b/1"), RESYNC)
    assert turns.take() == key("b/1")
    turns.give_back(mine[0])
    assert turns.take() == key("a/7")


def test_a_single_worker_is_for_everybody() -> None:
    assert taken(filled(("a/1", CHANGE), ("b/1", CHANGE), workers=1)) == ["a/1", "b/1"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.sampled_from(Urgency))))
def test_every_key_has_its_turn_once(added: list[tuple[str, int, Urgency]]) -> None:
    turns = filled(*((f"{namespace}/{number}", urgency) for namespace, number, urgency in added))
    keys = {f"{namespace}/{number}" for namespace, number, _ in added}
    assert len(turns) == len(keys)
    assert sorted(taken(turns)) == sorted(keys)
    assert len(turns) == 0
