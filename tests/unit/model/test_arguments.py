"""tests/local/test_python_edges.py has the table of types, through every client."""

import math
import sys
from collections import namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.arguments import LONGEST_PATH, check_arguments
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.model.wire import decode_json, encode_json

LIMIT = 2**1024 - 2**970
Pair = namedtuple("Pair", "a b")

ACCEPTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
REFUSED = st.sampled_from([math.nan, math.inf, b"", {1}, Pair(1, 2), LIMIT, object(), {1: 1}])


@given(ACCEPTED)
def test_accepts_what_comes_back_the_same(value: object) -> None:
    check_arguments([value])
    assert decode_json(encode_json(value)) == as_lists(value)


def as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_lists(member) for key, member in value.items()}
    return [as_lists(member) for member in value] if isinstance(value, list | tuple) else value


@given(ACCEPTED, REFUSED, st.lists(st.booleans()))
def test_refuses_one_wrong_value_wherever_it_is(beside: object, wrong: object, way: list[bool]) -> None:
    path = ""
    for in_list in way:
        wrong = [beside, wrong] if in_list else {"a": beside, "b": wrong}
        path = ("[1]" if in_list else ".b") + path
    with pytest.raises(InvalidRequest) as refused:
        check_arguments([beside, wrong], "body.args")
    start, end = refused.value.detail.split(": ")[0], f"body.args[1]{path}"
    assert start == end or (len(end) > LONGEST_PATH and "…" in start)


@pytest.mark.parametrize("number", [LIMIT - 1, 1 - LIMIT, sys.float_info.max, 5e-324, -0.0, 2**63, 2**64])
def test_the_largest_numbers(number: float) -> None:
    check_arguments([number])
    assert math.isfinite(float(number))


@pytest.mark.parametrize("number", [LIMIT, -LIMIT, 10**5000], ids=["limit", "minus-limit", "5001-digits"])
def test_larger_than_the_largest(number: int) -> None:
    with pytest.raises(InvalidRequest, match="Infinity"):
        check_arguments([number])
    with pytest.raises(OverflowError):
        float(number)


def test_a_message_is_short() -> None:
    deep: Any = math.nan
    for index in range(400):
        deep = {"long" * 100: deep} if index % 2 else {"not a name" * 100: deep}
    with pytest.raises(InvalidRequest) as refused:
        check_arguments([deep])
    assert len(refused.value.detail) < 400


def test_arguments_are_as_deep_as_the_interpreter_allows() -> None:
    deep: list[Any] = []
    for _ in range(600):
        deep = [deep]
    check_arguments([deep])
