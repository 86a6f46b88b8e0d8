"""Requests and answers of the HTTP server as values; nothing here reads or writes."""

from tyrex_pool.model import names
from tyrex_pool.model.errors import PayloadTooLarge, TyrexError
from tyrex_pool.model.wire import encode_json, problem


class Head:
    """What the head of a request says; header values that nobody asked for are not kept.

    Requests whose heads are equal, byte for byte, share one (`server/heads.py`): nobody changes it once it is read.
    """

    __slots__ = ("content_type", "keep_alive", "key", "length", "method", "path", "query", "queue", "timeout_ms")

    def __init__(self) -> None:
        self.method = b""
        self.path = b""
        self.query = b""
        self.length = 0
        self.keep_alive = True
        self.content_type = b""
        self.key: bytes | None = None
        self.timeout_ms: bytes | None = None
        self.queue: bytes | None = None


class Request:
    """One request, `arrived` whole at that time (`monotonic()` seconds). `trace` is what it says of one, unchecked."""

    __slots__ = ("arrived", "body", "head", "trace")

    def __init__(self, head: Head, body: bytes, arrived: float, trace: bytes = b"") -> None:
        self.head = head
        self.body = body
        self.arrived = arrived
        self.trace = trace


_REASONS = {
    200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found",
    405: b"Method Not Allowed", 408: b"Request Timeout", 413: b"Content Too Large", 422: b"Unprocessable Content",
    431: b"Request Header Fields Too Large", 500: b"Internal Server Error", 502: b"Bad Gateway",
    503: b"Service Unavailable", 504: b"Gateway Timeout",
}  # fmt: skip


def head(status: int, content_type: str) -> bytes:
    """The start of an answer; more header lines may follow it."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n" % (
        status,
        _REASONS.get(status, b"Status"),
        content_type.encode(),
    )


def trace_line(trace: bytes) -> bytes:
    """The header line that tells a trace; nothing for none."""
    return b"%b: %b\r\n" % (_TRACE, trace) if trace else b""


_TRACE = names.HEADER_TRACE.encode()


def too_large(limit: int) -> TyrexError:
    """What a body of more than `limit` bytes is answered."""
    return PayloadTooLarge(f"send at most {limit} bytes (limits.request)")


def mistake() -> TyrexError:
    """What a request is answered that a mistake of ours ended."""
    return TyrexError("the server failed to handle this request; its log says why")


def error_answer(error: TyrexError, extra: bytes = b"") -> tuple[bytes, bytes]:
    """Head and body of the problem document for `error`."""
    start = head(error.status, names.TYPE_PROBLEM) + extra
    if error.retryable:
        start += b"%b: 1\r\n" % names.HEADER_RETRY_AFTER.encode()
    return start, problem(error)


def plain_problem(status: int, name: str, detail: str) -> tuple[bytes, bytes]:
    """Head and body of a problem that is HTTP's and not an eval's."""
    title = _REASONS[status].decode()
    members = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = encode_json(members | {"name": name, "fault": "caller", "retryable": False})
    return head(status, names.TYPE_PROBLEM), body
