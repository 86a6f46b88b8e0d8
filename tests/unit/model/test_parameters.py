"""tests/local/test_python_edges.py has the table of wrong types and values, through every client."""

from typing import Any

import pytest

from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.errors import InvalidRequest, TyrexError, WrongType
from tyrex_pool.model.parameters import call_parameters, checked_key, checked_timeout, eval_parameters
from tyrex_pool.model.wire import EvalRequest, decode_call, encode_json


class Text(str):
    pass


def test_an_eval() -> None:
    assert eval_parameters("1", None, "javascript") == EvalRequest("1")
    request = eval_parameters(Text("ü"), Text("k"), "typescript")
    assert request == EvalRequest("ü", "k", None, "typescript")
    assert (type(request.code), type(request.key)) == (str, str)


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
