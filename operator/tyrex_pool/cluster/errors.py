"""How a request to the API server fails.

ClusterError                 the API server refused the request, or did not answer it
├── ClusterUnavailable       no answer: no credentials, no connection, a timeout
├── Forbidden                401 or 403
├── NotFound                 404, where None cannot be the answer
├── Conflict                 409: the object exists already, or has changed meanwhile
└── Gone                     410: the history is lost, and a watch must list again
"""

from typing import Final

import msgspec

_SNIPPET: Final = 500


class ClusterError(Exception):
    """`status` is that of HTTP, 0 without an answer; `message` is for people.

    `explained`: the answer was a `Status`, so it is the API server that refuses, and `message` is in its words.
    """

    def __init__(self, message: str, status: int = 0, *, explained: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.explained = explained


class ClusterUnavailable(ClusterError):
    """`connected`: there was a connection, so that the request may have been carried out."""

    def __init__(self, message: str, status: int = 0, *, connected: bool = False) -> None:
        super().__init__(message, status)
        self.connected = connected


class Forbidden(ClusterError):
    pass


class NotFound(ClusterError):
    pass


class Conflict(ClusterError):
    pass


class Gone(ClusterError):
    pass


_BY_STATUS: Final = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone}


class _Status(msgspec.Struct):
    """The answer with which an API server refuses a request."""

    kind: str
    message: str = ""


class _Message(msgspec.Struct):
    """Any JSON object that may explain itself."""

    message: str = ""


def explained_refusal(status: int, body: bytes) -> ClusterError | None:
    """The error that the `Status` in `body` describes; None where `body` is anything else."""
    try:
        document = msgspec.json.decode(body, type=_Status)
    except ValueError:
        return None
    if document.kind != "Status":
        return None
    return _BY_STATUS.get(status, ClusterError)(document.message or f"HTTP status {status}", status, explained=True)


def other_refusal(status: int, body: bytes) -> ClusterError:
    """The error of an answer that is no `Status`, such as a gateway's page."""
    try:
        message = msgspec.json.decode(body, type=_Message).message
    except ValueError:
        message = body[:_SNIPPET].decode(errors="replace")
    return _BY_STATUS.get(status, ClusterError)(message or f"HTTP status {status}", status)


def unavailable(error: BaseException, *, connected: bool) -> ClusterUnavailable:
    """The ClusterUnavailable to raise from `error`."""
    return ClusterUnavailable(f"the API server does not answer: {root_cause(error)}", connected=connected)


def root_cause(error: BaseException) -> str:
    """The message of the exception that `error` was first raised from: `Connection refused`, not what wraps it."""
    while (cause := _cause(error)) is not None:
        error = cause
    return str(error) or type(error).__name__


def _cause(error: BaseException) -> Exception | None:
    """What `error` was raised from; a cancellation, with which a timeout begins, says nothing and does not count."""
    if isinstance(error, BaseExceptionGroup):
        return _exception(error.exceptions[0])
    return _exception(error.__cause__) or _exception(error.args[0] if error.args else None)  # httpcore wraps in args


def _exception(value: object) -> Exception | None:
    return value if isinstance(value, Exception) else None
