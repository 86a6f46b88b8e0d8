"""Lines of a batch, and their answers: what they ask for and what they say."""

import pytest

from tyrex_pool.model.batch import BatchAnswer, index_of, read_answer, read_line, refused, with_index
from tyrex_pool.model.errors import ExecutionError, InvalidRequest, TyrexError
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


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        pytest.param(b'{"index":3,"result":null}', BatchAnswer(3, None, None, "", ""), id="null"),
        pytest.param(
            b'{"index":0,"eval":"a.7.1","runtime":"a","epoch":7,"result":[1]}',
            BatchAnswer(0, [1], None, "a", "7"),
            id="with its runtime",
        ),
    ],
)
def test_results(answer: bytes, read: BatchAnswer) -> None:
    assert read_answer(answer) == read


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(refused(1, ExecutionError("no")), ExecutionError, "no", id="a problem document"),
        pytest.param(b'{"index":1,"result":1e999}', TyrexError, "out of range", id="a number that Python cannot read"),
        pytest.param(b'{"index":1,"result":', TyrexError, "without a problem document", id="half an answer"),
        pytest.param(b'{"index":1}', TyrexError, "without a problem document", id="neither"),
    ],
)
def test_errors(answer: bytes, kind: type[TyrexError], said: str) -> None:
    read = read_answer(answer)
    assert (read.index, read.result) == (1, None)
    assert isinstance(read.error, kind)
    assert said in read.error.detail


def test_an_index_is_the_first_member_and_can_be_another() -> None:
    answer = refused(1, ExecutionError('{"index":5}'))
    assert index_of(answer) == 1
    moved = with_index(answer, 40)
    assert index_of(moved) == 40
    assert moved.partition(b",")[2] == answer.partition(b",")[2]
    for other in (b"", b"<html>", b'{"result":1}', b'[{"index":1}]'):
        with pytest.raises(ValueError, match="index"):
            index_of(other)
