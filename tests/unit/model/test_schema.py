from typing import Any

import msgspec
import pytest

from tyrex_pool.model.durations import LONGEST, Seconds
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.schema import Schema, convert, unconvert


class Leaf(Schema, frozen=True):
    many_words: int = 1


class Tree(Schema, frozen=True):
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()


def test_names_are_camel_case_on_the_wire() -> None:
    assert convert({"leaf": {"manyWords": 2}}, Tree, "tree") == Tree(leaf=Leaf(many_words=2))


def test_a_tree_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Leaf().many_words = 2  # type: ignore[misc]


def test_a_copy_with_one_change() -> None:
    assert msgspec.structs.replace(Leaf(), many_words=3) == Leaf(many_words=3)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param(None, "tree", id="itself"),
        pytest.param({"leaf": None}, "tree.leaf", id="optional"),
        pytest.param({"leaf": {"manyWords": None}}, "tree.leaf.manyWords", id="below-an-optional"),
        pytest.param({"leaves": [None]}, "tree.leaves[0]", id="in-a-list"),
    ],
)
def test_null_is_refused_even_where_none_means_absent(raw: object, path: str) -> None:
    with pytest.raises(InvalidSpec, match="null") as refused:
        convert(raw, Tree, "tree")
    assert refused.value.path == path


class Amounts(Schema, frozen=True):
    time: Seconds = Seconds(90)
    memory: Bytes = Bytes(1 << 20)
    free: dict[str, Any] = msgspec.field(default_factory=dict)


def test_unconverted_is_as_on_the_wire_with_every_default() -> None:
    assert unconvert(Tree(leaves=(Leaf(),))) == {"leaves": [{"manyWords": 1}]}
    free = {"nothing": None}
    assert unconvert(Amounts(free=free)) == {"time": "1m30s", "memory": "1Mi", "free": free}
    assert convert(unconvert(Amounts(free=free)), Amounts, "a") == Amounts(free=free)


def test_what_no_duration_can_say_is_cut() -> None:
    assert unconvert(Amounts(time=Seconds(LONGEST + 3600)))["time"] == "99999h"
