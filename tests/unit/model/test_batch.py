"""A line of a batch is the body of an eval or of a call."""

import pytest

from tyrex_pool.model.batch import read_line
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.model.wire import CallRequest, EvalRequest


@pytest.mark.parametrize(
    ("line", "work"),
    [
        pytest.param(b'{"code": "1"}', EvalRequest("1"), id="an eval"),
        pytest.param(b'{"code": "1", "key": "k", "timeoutMs": 5}', EvalRequest("1", "k", 5), id="with all members"),
        pytest.param(b'{"code": "f", "key": "function"}', EvalRequest("f", "function"), id="the word as a value"),
        pytest.param(rb'{"code": "\"function\""}', EvalRequest('"function"'), id="the word in code"),
        pytest.param(b'{"function": "f"}', CallRequest("f"), id="a call"),
        pytest.param(b'{"function": "f", "args": [1, {"code": 2}]}', CallRequest("f", [1, {"code": 2}]), id="args"),
        pytest.param(rb'{"f\u0075nction": "f"}', CallRequest("f"), id="the member with an escape"),
        pytest.param('{"code": "\u2028é"}'.encode(), EvalRequest("\u2028é"), id="Unicode"),
    ],
)
def test_work(line: bytes, work: EvalRequest | CallRequest) -> None:
    assert read_line(line) == work


@pytest.mark.parametrize(
    ("line", "start"),
    [
        pytest.param(b"nonsense", "the line is not JSON: ", id="no JSON"),
        pytest.param(b'"function', "the line is not JSON: ", id="no JSON of a call"),
        pytest.param(b"[1]", "line: ", id="a list"),
        pytest.param(b"null", "line: ", id="null"),
        pytest.param(b"{}", "line.code: ", id="empty"),
        pytest.param(b'{"code": 1}', "line.code: ", id="a wrong type"),
        pytest.param(b'{"code": "1", "timeout": 1}', "line.timeout: unknown field", id="an unknown member"),
        pytest.param(b'{"code": "1", "index": 1}', "line.index: unknown field", id="the index is not the sender's"),
        pytest.param(b'{"code": "1", "function": "f"}', "line.code: unknown field", id="both"),
        pytest.param(b'{"function": "f", "args": [1e400]}', "", id="a number out of range"),
        pytest.param(b'{"code": "\xff"}', "the line is not JSON: ", id="no UTF-8"),
        pytest.param(b'{"code": "1"} {"code": "2"}', "the line is not JSON: ", id="two on a line"),
        pytest.param(b'{"code": "1", "timeoutMs": 0}', "line.timeoutMs: ", id="no timeout"),
    ],
)
def test_refusals(line: bytes, start: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_line(line)
    assert caught.value.detail.startswith(start)
    assert "body" not in caught.value.detail
