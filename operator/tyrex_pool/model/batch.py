"""Batches as values: what a line asks for, the lines of Python callers, and the answers that they get."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tyrex_pool.model.arguments import check_arguments
from tyrex_pool.model.console import ConsoleLine
from tyrex_pool.model.errors import InvalidRequest, TyrexError, WrongType
from tyrex_pool.model.wire import (
    CallRequest,
    EvalRequest,
    UnreadableJsonError,
    decode_call,
    decode_eval,
    decode_json,
    encode_json,
    from_problem,
    problem,
    read_console,
    unreadable,
)

Item = str | bytes | Mapping[str, Any]
"""Of a batch in Python: code, a line of JSON, or the members of one: `{"code": …}`, `{"function": …, "args": […]}`."""

_FUNCTION: Final = "function"
_HINT: Final = b'"%b"' % _FUNCTION.encode()
_BODY: Final = re.compile(r"(the )?body\b")
_INDEX: Final = re.compile(rb'\{"index":(\d+)')
_FIRST: Final = "items[0]"


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer to the item number `index`, from 0: its `result`, or the `error` with which it failed.

    `runtime` ran it, in that `epoch`; both are empty where none did. `console` as in `Answer`; an `error` has its own.
    """

    index: int
    result: Any
    error: TyrexError | None
    runtime: str
    epoch: str
    console: list[ConsoleLine] | None = None
    console_truncated: bool = False


def read_line(line: bytes) -> EvalRequest | CallRequest:
    """A line of a batch: the body of an eval, or of a call if it has a `function`. Raises InvalidRequest."""
    likely, other = (decode_call, decode_eval) if _HINT in line else (decode_eval, decode_call)
    try:
        try:
            return likely(line)
        except InvalidRequest:
            if line[:1] != b"{" or _is_call(line) is (likely is decode_call):
                raise
            return other(line)
    except InvalidRequest as error:
        raise InvalidRequest(_BODY.sub(r"\1line", error.detail, count=1)) from error


def _is_call(line: bytes) -> bool:
    try:
        members = decode_json(line)
    except ValueError:
        return _HINT in line
    return isinstance(members, dict) and _FUNCTION in members


def line_of(item: Item, index: int) -> bytes:
    """The line for `item`. Raises InvalidRequest, which may be a TypeError too, with the path of what is wrong."""
    where = f"items[{index}]"
    if isinstance(item, str):
        return encode_json({"code": item})
    if isinstance(item, bytes):
        line = item.strip()
        if not line or b"\n" in line:
            raise InvalidRequest(f"{where}: write one line of JSON")
        return line
    if not isinstance(item, Mapping):
        raise WrongType(f"{where}: write code as a str, or a dict such as {{'code': '1'}}, not {type(item).__name__}")
    members = dict(item)
    try:
        check_arguments([members], "items")
    except InvalidRequest as error:
        raise InvalidRequest(error.detail.replace(_FIRST, where, 1)) from error
    return encode_json(members)


def refused(index: int, error: TyrexError) -> bytes:
    """The answer to a line that no runtime got."""
    return b'{"index":%d,%b' % (index, problem(error)[1:])


def index_of(answer: bytes) -> int:
    """Of the line that `answer` is for. Raises ValueError for what is no answer."""
    found = _INDEX.match(answer)
    if found is None:
        raise ValueError("it does not begin with an index")
    return int(found[1])


def with_index(answer: bytes, index: int) -> bytes:
    """`answer`, which has another index."""
    return _INDEX.sub(b'{"index":%d' % index, answer, count=1)


def read_answer(answer: bytes) -> BatchAnswer:
    """`answer` has an index; whatever else is wrong with it becomes an error."""
    index = index_of(answer)
    try:
        members = decode_json(answer)
    except ValueError as error:
        if isinstance(error, UnreadableJsonError) and b'"result":' in answer:
            return BatchAnswer(index, None, unreadable(error), "", "")
        members = {}
    runtime, epoch = members.get("runtime", ""), str(members.get("epoch", ""))
    if "result" in members:
        try:
            console = read_console(members)
        except ValueError:
            return BatchAnswer(index, None, from_problem(500, answer), runtime, epoch)
        return BatchAnswer(index, members["result"], None, runtime, epoch, *console)
    return BatchAnswer(index, None, from_problem(members.get("status", 500), answer), runtime, epoch)
