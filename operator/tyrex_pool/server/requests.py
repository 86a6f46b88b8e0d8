"""What a request asks for, read from its head and body. Everything here raises InvalidRequest with what to write."""

from typing import Final

from tyrex_pool.dispatch.ticket import Work
from tyrex_pool.model import names
from tyrex_pool.model.durations import format_duration
from tyrex_pool.model.errors import InvalidRequest, WrongContentType
from tyrex_pool.model.spec import Timeouts
from tyrex_pool.model.wire import CallRequest, EvalRequest, decode_call, decode_eval
from tyrex_pool.server.http.messages import Request

EVAL: Final = names.PATH_EVAL.encode()
CALL: Final = names.PATH_CALL.encode()
BATCH: Final = names.PATH_BATCH.encode()
_JSON: Final = names.TYPE_JSON.encode()
_LINES: Final = [kind.encode() for kind in names.LINES]
_LANGUAGES: Final = {kind.encode(): language for kind, language in names.LANGUAGES.items()}


def read_work(request: Request) -> Work:
    """The eval or the call, by the request's path."""
    if request.head.path == EVAL:
        return read_eval(request)
    if request.head.path == CALL:
        return read_call(request)
    raise InvalidRequest(f"there is no {request.head.path.decode('latin-1')}")


def read_eval(request: Request) -> EvalRequest:
    """From JSON, or from the code itself with its content type."""
    kind = request.head.content_type
    if kind != _JSON:
        kind = _media_type(kind)
    if kind == _JSON:
        return decode_eval(request.body)
    language = _LANGUAGES.get(kind)
    if language is None:
        raise _wrong_type(kind, names.TYPE_JSON, *names.LANGUAGES)
    return EvalRequest(read_text(request.body, "the body"), language=language)  # type: ignore[arg-type]


def read_call(request: Request) -> CallRequest:
    """From JSON, which no web page of another site sends without asking first."""
    kind = request.head.content_type
    if kind != _JSON and _media_type(kind) != _JSON:
        raise _wrong_type(_media_type(kind), names.TYPE_JSON)
    return decode_call(request.body)


def check_lines(request: Request) -> None:
    """A batch has a content type of its own, which no web page of another site sends without asking first."""
    kind = _media_type(request.head.content_type)
    if kind not in _LINES:
        raise _wrong_type(kind, *names.LINES)


def _media_type(kind: bytes) -> bytes:
    """Without parameters, in small letters."""
    return kind.partition(b";")[0].strip().lower()


def _wrong_type(kind: bytes, *known: str) -> WrongContentType:
    listed = known[0] if len(known) == 1 else f"one of {', '.join(known)}"
    got = repr(kind.decode("latin-1")) if kind else "none"
    return WrongContentType(f"Content-Type: write {listed}; got {got}")


def read_timeout(header: bytes | None, timeout_ms: int | None, timeouts: Timeouts) -> float:
    """Seconds: the smaller of the header's and the body's (`timeout_ms`), or the pool's default."""
    if header is not None:
        from_header = _milliseconds(header)
        timeout_ms = from_header if timeout_ms is None else min(from_header, timeout_ms)
    if timeout_ms is None:
        return timeouts.eval
    if timeout_ms > timeouts.max_eval * 1000:
        limit = format_duration(timeouts.max_eval)
        raise InvalidRequest(f"timeoutMs: write at most {timeouts.max_eval * 1000:.0f} (timeouts.maxEval is {limit})")
    return timeout_ms / 1000


def read_text(raw: bytes, where: str) -> str:
    """`raw` as UTF-8; `where` begins the message."""
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"{where}: write UTF-8; {exc.reason} at byte {exc.start}") from exc


def _milliseconds(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > 12 or int(raw) < 1:
        raise InvalidRequest(
            f"{names.HEADER_TIMEOUT}: write a whole number of ms from 1; got {raw.decode('latin-1')!r}"
        )
    return int(raw)
