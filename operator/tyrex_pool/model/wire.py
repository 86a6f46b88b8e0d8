"""The HTTP bodies: the two requests, problem documents, and JSON values that both ends read alike.

msgspec encodes and decodes them. Documents that it refuses (with lone surrogates, which JavaScript's strings may
contain) take the slow way through the json module.
"""

import json
import math
import sys
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from tyrex_pool.model import names
from tyrex_pool.model.arguments import check_arguments, check_inputs
from tyrex_pool.model.console import ConsoleLine
from tyrex_pool.model.errors import ABSENT, ERRORS, ConversionError, Fault, InvalidRequest, TyrexError
from tyrex_pool.model.text import is_well_formed
from tyrex_pool.model.validation_errors import explain

R = TypeVar("R", bound=msgspec.Struct)

TimeoutMs = Annotated[int, msgspec.Meta(ge=1)]
Epoch = Annotated[int, msgspec.Meta(ge=0)]


class EvalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `POST /v1/eval`. All but `code` may be absent; null is None here, and means the same.

    `inputs` is what the code sees under that name, None if it sees nothing. With `if_epoch` it runs in an isolate of
    that epoch or not at all. `console`: the answer carries what the eval printed.
    """

    code: str
    key: str | None = None
    timeout_ms: TimeoutMs | None = None
    language: Literal["javascript", "typescript"] = "javascript"
    inputs: dict[str, Any] | None = None
    if_epoch: Epoch | None = None
    console: bool = False


class CallRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `POST /v1/call`: `function` is the (dotted) name of a global one. `if_epoch`: see EvalRequest."""

    function: str
    args: list[Any] = msgspec.field(default_factory=list)
    key: str | None = None
    timeout_ms: TimeoutMs | None = None
    if_epoch: Epoch | None = None
    console: bool = False


class _Problem(msgspec.Struct):
    """The members of a problem document that a client uses."""

    name: str
    detail: str = ""
    fault: Fault | None = None
    value: Any = ABSENT
    stack: str | None = None
    console: list[ConsoleLine] | None = None
    console_truncated: bool = msgspec.field(default=False, name="consoleTruncated")


_EVAL: Final = msgspec.json.Decoder(EvalRequest)
_CALL: Final = msgspec.json.Decoder(CallRequest)
_JSON: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()
_SNIPPET: Final = 200
_NUMBER: Final = 40
_DEEPER: Final = 500
"""Frames that the encoding of a value may have below those where it was decoded."""
_MANY: Final = 309
"""Digits of the smallest whole number that JavaScript reads as Infinity."""
_MANY_ZEROS: Final = b"0" * _MANY
_AS_ZEROS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
"""Makes a run of digits one of zeros, which is found faster than by a regular expression."""
# msgspec's own, and those that its C code passes on: bad UTF-8, nesting deeper than the interpreter's stack
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_eval(body: bytes) -> EvalRequest:
    """Raises InvalidRequest, whose detail names the member."""
    try:
        request = _EVAL.decode(body)
    except _UNREADABLE:
        request = _decode_slowly(body, EvalRequest)
    if request.inputs is not None and _may_overflow(body):
        check_inputs(request.inputs, "body.inputs")
    return request


def decode_call(body: bytes) -> CallRequest:
    """Raises InvalidRequest, whose detail names the member."""
    try:
        request = _CALL.decode(body)
    except _UNREADABLE:
        request = _decode_slowly(body, CallRequest)
    if _may_overflow(body):
        check_arguments(request.args, "body.args")
    return request


def _may_overflow(body: bytes) -> bool:
    """Whether `body` may have a whole number that JavaScript reads as Infinity."""
    return len(body) > _MANY and _MANY_ZEROS in body.translate(_AS_ZEROS)


def problem(error: TyrexError) -> bytes:
    """The problem document (RFC 9457) for `error`; its `value` comes last, so that a client can do without it."""
    members: dict[str, Any] = {
        "type": names.error_type(error.name),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "name": error.name,
        "fault": error.fault,
        "retryable": error.retryable,
    }
    if error.stack is not None:
        members["stack"] = error.stack
    if error.console is not None:
        members |= console_members(error.console, error.console_truncated)
    if error.has_value:
        members["value"] = error.value
    return encode_json(members)


def console_members(lines: list[ConsoleLine], truncated: bool) -> dict[str, Any]:
    """The members of an answer that say what the eval printed."""
    return {"console": lines, "consoleTruncated": True} if truncated else {"console": lines}


def read_console(members: dict[str, Any]) -> tuple[list[ConsoleLine] | None, bool]:
    """What `console_members` has put into an answer. Raises ValueError for something else."""
    lines = msgspec.convert(members.get("console"), list[ConsoleLine] | None)
    return lines, msgspec.convert(members.get("consoleTruncated", False), bool)


def from_problem(status: int, body: bytes) -> TyrexError:
    """The error that `problem` encoded; a plain TyrexError for any other answer, such as a gateway's page.

    A `value` that only JavaScript can read is left out.
    """
    try:
        document = msgspec.convert(_problem_members(body), _Problem)
        kind = ERRORS[document.name]
    except (ValueError, KeyError):
        answer = body[:_SNIPPET].decode("utf-8", "replace")
        return TyrexError(f"HTTP {status} without a problem document of a pool: {answer!r}")
    error = kind(document.detail, value=document.value, stack=document.stack, fault=document.fault)
    if document.console is not None:
        error.console, error.console_truncated = document.console, document.console_truncated
    return error


def _problem_members(body: bytes) -> Any:
    try:
        return decode_json(body)
    except UnreadableJsonError:
        return decode_json(without_value(body))


def without_value(document: bytes) -> bytes:
    """The JSON of an error without its `value`, the last member; no string contains this text, quotes are escaped."""
    return document.partition(b',"value":')[0] + b"}"


def encode_json(value: object) -> bytes:
    """As JavaScript's JSON.stringify does: NaN becomes null, a lone surrogate its escape.

    Everything that `decode_json` returned can be encoded, also from deeper in the stack. Raises TypeError for a type
    that JSON does not have, ValueError for a cycle.
    """
    try:
        return _encode(value)
    except RecursionError:
        return _encode_deep(value)


def _encode(value: object) -> bytes:
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":"), allow_nan=False).encode()


def _encode_deep(value: object) -> bytes:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + _DEEPER)
    try:
        return _encode(value)
    except RecursionError as error:
        raise ValueError("the value is cyclic or nested too deeply for JSON") from error
    finally:
        sys.setrecursionlimit(limit)


class UnreadableJsonError(ValueError):
    """JSON that JavaScript reads and Python does not: nested too deeply, or with a number that is out of range."""


def decode_json(text: bytes) -> Any:
    """As JavaScript's JSON.parse does, with whole numbers of up to sys.get_int_max_str_digits() digits.

    Raises UnreadableJsonError, and ValueError for what is no JSON.
    """
    try:
        return _JSON.decode(text)
    except _UNREADABLE:
        pass
    try:
        return json.loads(text.decode(), parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise UnreadableJsonError("nested too deeply") from error


def unreadable(error: ValueError) -> ConversionError:
    """The error of an eval whose result `decode_json` refused."""
    return ConversionError(f"the result is JSON that Python cannot read: {error}")


def _decode_slowly(body: bytes, kind: type[R]) -> R:
    """Decode a body that the decoder of a `kind` refused, with the json module. Raises InvalidRequest."""
    try:
        raw = decode_json(body)
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from error
    try:
        request = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(explain(error, raw, kind, "body"))) from error
    for member in kind.__struct_fields__:
        text = getattr(request, member)
        if isinstance(text, str) and not is_well_formed(text):
            raise InvalidRequest(f"body.{member}: write it without lone surrogates")
    return request


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise UnreadableJsonError(f"the number {_cut(text)} is out of range")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UnreadableJsonError(f"the number {_cut(text)} is out of range: it has {len(text)} digits") from error


def _cut(number: str) -> str:
    return number if len(number) <= _NUMBER else number[:_NUMBER] + "…"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
