"""Requests and answers of the HTTP server as values, without I/O."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.errors import PayloadTooLarge, TyrexError
from tyrex_pool.model.wire import encode_json, problem


class Head:
    """The head of a request; only the headers that the server uses are kept. `length` is that of Content-Length.

    Requests whose heads are equal, byte for byte, share one (`head_cache.py`): it does not change once it is parsed.
    `chunks`: the client reads an answer in chunks, which HTTP/1.0 has not; known of requests in parts only.
    """

    __slots__ = (
        "chunks", "content_type", "keep_alive", "key", "length", "method", "path", "query", "queue", "timeout_ms",
    )  # fmt: skip

    def __init__(self) -> None:
        self.method = b""
        self.path = b""
        self.query = b""
        self.length = 0
        self.keep_alive = True
        self.chunks = True
        self.content_type = b""
        self.key: bytes | None = None
        self.timeout_ms: bytes | None = None
        self.queue: bytes | None = None


class Request:
    """One request, complete at `arrived` (`monotonic()` seconds). `trace` is its `traceparent`, not validated."""

    __slots__ = ("arrived", "body", "head", "trace")

    def __init__(self, head: Head, body: bytes, arrived: float, trace: bytes = b"") -> None:
        self.head = head
        self.body = body
        self.arrived = arrived
        self.trace = trace


RUNTIME_LINE: Final = f"{names.HEADER_RUNTIME}: %b\r\n".encode()
"""The header line with the name of the runtime that ran an eval."""
_TRACE_LINE: Final = f"{names.HEADER_TRACE}: %b\r\n".encode()
_RETRY_LINE: Final = f"{names.HEADER_RETRY_AFTER}: 1\r\n".encode()
_REASONS: Final = {
    200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found",
    405: b"Method Not Allowed", 408: b"Request Timeout", 413: b"Content Too Large", 415: b"Unsupported Media Type",
    421: b"Misdirected Request", 422: b"Unprocessable Content", 431: b"Request Header Fields Too Large",
    500: b"Internal Server Error", 501: b"Not Implemented", 502: b"Bad Gateway", 503: b"Service Unavailable",
    504: b"Gateway Timeout",
}  # fmt: skip


def head(status: int, content_type: str) -> bytes:
    """The start of an answer; more header lines may follow."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n" % (
        status,
        _REASONS.get(status, b"Status"),
        content_type.encode(),
    )


def trace_line(trace: bytes) -> bytes:
    """The header line of a trace context; empty for none."""
    return _TRACE_LINE % trace if trace else b""


def too_large(limit: int) -> TyrexError:
    """The answer to a body of more than `limit` bytes."""
    return PayloadTooLarge(f"send at most {limit} bytes (limits.request)")


def too_slow(detail: str) -> tuple[bytes, bytes]:
    """Head and body of the answer to a request that did not come whole in time."""
    return plain_problem(408, "invalid_request", detail)


def mistake() -> TyrexError:
    """The answer to a request that failed through a defect of the server."""
    return TyrexError("the server failed to handle this request; its log says why")


def error_answer(error: TyrexError, extra: bytes = b"") -> tuple[bytes, bytes]:
    """Head and body of the problem document for `error`."""
    start = head(error.status, names.TYPE_PROBLEM) + extra
    if error.retryable:
        start += _RETRY_LINE
    return start, problem(error)


def plain_problem(status: int, name: str, detail: str) -> tuple[bytes, bytes]:
    """Head and body of a problem of the HTTP request itself, not of an eval."""
    title = _REASONS[status].decode()
    members = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = encode_json(members | {"name": name, "fault": "caller", "retryable": False})
    return head(status, names.TYPE_PROBLEM), body
