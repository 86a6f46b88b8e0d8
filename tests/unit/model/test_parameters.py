"""tests/local/test_python_edges.py has the table of wrong types and values, through every client."""

from typing import Any

import pytest

from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.errors import InvalidRequest, TyrexError, WrongType
from tyrex_pool.model.parameters import call_parameters, checked_epoch, checked_key, checked_timeout, eval_parameters
from tyrex_pool.model.wire import EvalRequest, decode_call, decode_eval, encode_json


class Text(str):
    pass


def test_an_eval() -> None:
    assert eval_parameters("1", None, "javascript") == EvalRequest("1")
    request = eval_parameters(Text("ü"), Text("k"), "typescript")
    assert request == EvalRequest("ü", "k", None, "typescript")
    assert (type(request.code), type(request.key)) == (str, str)


def test_inputs_of_an_eval_are_those_of_the_moment() -> None:
    inputs: dict[str, Any] = {"a": [1, "\ud83d"], "__proto__": {"b": None}}
    request = eval_parameters("1", None, "javascript", inputs)
    inputs["a"].append(b"later")
    inputs["c"] = b"later"
    read = decode_eval(encode_json({"code": "1", "inputs": request.inputs}))
    assert read.inputs == {"a": [1, "\ud83d"], "__proto__": {"b": None}}


@pytest.mark.parametrize(
    ("inputs", "detail"),
    [
        pytest.param([1], "inputs: write a dict of names and values, or None, not list", id="a list"),
        pytest.param("a=1", "inputs: write a dict of names and values, or None, not str", id="a text"),
        pytest.param({1: 2}, "inputs: a key of type int cannot travel as JSON; pass a dict whose keys", id="a key"),
        pytest.param({"a": float("nan")}, "inputs.a: nan cannot travel as JSON; pass a finite", id="NaN"),
        pytest.param({"a": [b"x"]}, "inputs.a[0]: bytes cannot travel as JSON; pass value.decode()", id="bytes"),
        pytest.param({"a-b": {1, 2}}, "inputs['a-b']: set cannot travel as JSON; pass list(value)", id="a set"),
        pytest.param({"a": 10**400}, "inputs.a: a whole number that JavaScript reads as Infinity", id="too large"),
    ],
)
def test_inputs_that_cannot_travel(inputs: Any, detail: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        eval_parameters("1", None, "javascript", inputs)
    assert refused.value.detail.startswith(detail)


@pytest.mark.parametrize(("epoch", "number"), [(7, 7), ("7", 7), (0, 0), (None, None), ("1795373184763001",) * 2])
def test_an_epoch(epoch: Any, number: Any) -> None:
    assert checked_epoch(epoch) == (None if number is None else int(number))
    assert call_parameters("f", (), None, epoch).if_epoch == checked_epoch(epoch)


@pytest.mark.parametrize("epoch", [-1, "", "x", "-1", "1.5", "\u0661", "9" * 30, 10**30, 1.5, True, b"7"])
def test_no_epoch(epoch: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^epoch: write the epoch of an Answer"):
        checked_epoch(epoch)


def test_arguments_of_a_call_are_those_of_the_moment() -> None:
    args: list[Any] = [1, "\ud83d"]
    request = call_parameters("f", (args, {"a": None}), "k")
    args.append(b"later")
    read = decode_call(encode_json({"function": request.function, "args": request.args, "key": request.key}))
    assert (read.function, read.args, read.key) == ("f", [[1, "\ud83d"], {"a": None}], "k")


@pytest.mark.parametrize("timeout", [1, 0.001, LONGEST, int(LONGEST)])
def test_a_timeout(timeout: float) -> None:
    assert checked_timeout(timeout) == timeout


def test_a_key() -> None:
    assert [checked_key(key) for key in (None, "", "😀")] == [None, "", "😀"]
    with pytest.raises(InvalidRequest):
        checked_key("\ud83d")


def test_a_wrong_type_is_every_kind_of_error_that_a_caller_may_expect() -> None:
    with pytest.raises(WrongType) as refused:
        eval_parameters(7, None, "javascript")  # type: ignore[arg-type]
    assert isinstance(refused.value, TypeError)
    assert isinstance(refused.value, TyrexError)
    assert (refused.value.name, refused.value.status) == ("invalid_request", 400)
