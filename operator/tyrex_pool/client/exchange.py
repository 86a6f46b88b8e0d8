"""What `Client` and `AsyncClient` share: requests to a pool, the reading of responses, and when to retry.

The two differ only in how they send a request.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, TypeVar

import httpx

from tyrex_pool.client.address import Address
from tyrex_pool.client.connections import STREAMED
from tyrex_pool.model import names
from tyrex_pool.model.answer import Answer
from tyrex_pool.model.errors import (
    DeadRuntimeError,
    EpochChanged,
    InvalidRequest,
    NoRuntime,
    QueueTimeout,
    TyrexError,
    WrongType,
)
from tyrex_pool.model.parameters import Language, call_parameters, checked_key, checked_timeout, eval_parameters
from tyrex_pool.model.wire import (
    CallRequest,
    EvalRequest,
    UnreadableJsonError,
    decode_json,
    encode_json,
    from_problem,
    read_console,
    unreadable,
)

CONNECT: Final = 5.0
"""Seconds that a connection may take."""
MARGIN: Final = 5.0
"""Seconds past an eval's timeout that a client waits for the pool's own answer."""
PATIENCE: Final = 600.0
"""Seconds to wait for the answer of an eval without a timeout; the pool's own deadline comes long before."""
LONGEST_WAIT: Final = 2_000_000.0
"""Seconds, 23 days: about the longest that a socket can wait."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts, whatever Retry-After says."""

T = TypeVar("T")

_CHANCE: Final = Random()


@dataclass(frozen=True, slots=True)
class Failure:
    """An eval failed. `retry_after`: seconds to wait before a retry, if the pool named them."""

    error: TyrexError
    retry_after: float | None = None

    def pause(self, attempt: int, retries: int, chance: Random = _CHANCE) -> float | None:
        """Seconds to wait before a retry after attempt number `attempt` (from 0); None: give up.

        Only an eval that certainly never started is retried, and none whose session is gone: it would be refused again.
        """
        if not self.error.retryable or attempt >= retries or isinstance(self.error, EpochChanged):
            return None
        if self.retry_after is not None:
            return min(self.retry_after, LONGEST_PAUSE)
        return chance.uniform(0.5, 1.0) * min(0.1 * 2.0 ** min(attempt, 9), LONGEST_PAUSE)


Read = Callable[[httpx.Response], T | Failure]
"""Reads a response: a value, or how the request failed."""


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One HTTP request. `timeout`: that of the eval in seconds, None for the pool's own.

    `streamed`: its response is read as it comes.
    """

    method: Literal["GET", "POST"]
    path: str
    timeout: float | None = None
    body: bytes | None = None
    params: Mapping[str, str] | None = None
    content_type: str = names.TYPE_JSON
    streamed: bool = False

    def build(self, http: httpx.Client | httpx.AsyncClient, base: str) -> httpx.Request:
        """The request for the pool at the URL `base`."""
        wait = PATIENCE if self.timeout is None else min(self.timeout + MARGIN, LONGEST_WAIT)
        return http.build_request(
            self.method,
            base + self.path,
            content=self.body,
            params=self.params,
            headers=None if self.body is None else {"Content-Type": self.content_type},
            timeout=httpx.Timeout(wait, connect=CONNECT),
            extensions={STREAMED: True} if self.streamed else None,
        )


def checked_retries(retries: int) -> int:
    """`retries`. Raises InvalidRequest, which may be a TypeError too."""
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise WrongType(f"retries: write a whole number such as 3, not {type(retries).__name__}")
    if retries < 0:
        raise InvalidRequest(f"retries: write a whole number from 0 on, not {retries}")
    return retries


def eval_request(
    code: str,
    key: str | None,
    timeout: float | None,
    language: Language,
    inputs: Mapping[str, Any] | None = None,
    epoch: int | str | None = None,
    console: bool = False,
) -> OutgoingRequest:
    """`POST /v1/eval`; `timeout` in seconds. Raises InvalidRequest, which may be a TypeError too."""
    work = eval_parameters(code, key, language, inputs, epoch, console)
    body: dict[str, Any] = {"code": work.code}
    if work.inputs is not None:
        body["inputs"] = work.inputs
    if work.language != "javascript":
        body["language"] = work.language
    return _post(names.PATH_EVAL, body, work, timeout)


def call_request(
    function: str,
    args: tuple[Any, ...],
    key: str | None,
    timeout: float | None,
    epoch: int | str | None = None,
    console: bool = False,
) -> OutgoingRequest:
    """`POST /v1/call`; `timeout` in seconds. Raises InvalidRequest, also for arguments that JSON cannot carry."""
    work = call_parameters(function, args, key, epoch, console)
    return _post(names.PATH_CALL, {"function": work.function, "args": work.args}, work, timeout)


def pool_request() -> OutgoingRequest:
    """`GET /v1/pool`."""
    return OutgoingRequest("GET", names.PATH_POOL, CONNECT)


def explain_request(key: str | None) -> OutgoingRequest:
    """`GET /v1/explain`. Raises InvalidRequest, which may be a TypeError too."""
    key = checked_key(key)
    return OutgoingRequest("GET", names.PATH_EXPLAIN, CONNECT, params=None if key is None else {"key": key})


def evaluated(response: httpx.Response) -> Answer | Failure:
    """The result in the response to an eval or a call, or how it failed."""
    document = decoded(response)
    if isinstance(document, Failure):
        return document
    if "result" not in document:
        return Failure(from_problem(response.status_code, response.content))
    headers = response.headers
    runtime, epoch = headers.get(names.HEADER_RUNTIME, ""), headers.get(names.HEADER_EPOCH, "")
    try:
        return Answer(document["result"], runtime, epoch, *read_console(document))
    except ValueError:
        return Failure(from_problem(response.status_code, response.content))


def decoded(response: httpx.Response) -> dict[str, Any] | Failure:
    """The JSON object in a pool's response, or how the request failed."""
    if response.status_code == httpx.codes.OK:
        try:
            document = decode_json(response.content)
        except UnreadableJsonError as exc:
            return Failure(unreadable(exc))
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
    error = from_problem(response.status_code, response.content)
    return Failure(error, _seconds(response.headers.get(names.HEADER_RETRY_AFTER)))


def answered(response: httpx.Response, read: Read[T], address: Address) -> T | Failure:
    """What `read` finds in the response; names the proxy where it may be the proxy's own answer."""
    outcome = read(response)
    if address.proxy is not None and isinstance(outcome, Failure) and type(outcome.error) is TyrexError:
        return Failure(TyrexError(f"{outcome.error.detail}, from {address.way}"))
    return outcome


def unanswered(exc: httpx.RequestError, address: Address) -> Failure:
    """How a request without a response failed; retryable only if it was certainly not sent."""
    error: TyrexError
    reason = str(exc) or type(exc).__name__
    if isinstance(exc, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
        error = NoRuntime(f"could not connect to {address.way}: {reason}")
    elif isinstance(exc, httpx.PoolTimeout):
        error = QueueTimeout(f"all connections of this client to {address.way} were in use for too long")
    elif isinstance(exc, httpx.TimeoutException):
        error = DeadRuntimeError(f"{address.way} did not answer in time; the code may have run")
    else:
        error = DeadRuntimeError(f"the connection to {address.way} broke ({reason}); the code may have run")
    error.__cause__ = exc
    return Failure(error)


def _post(path: str, body: dict[str, Any], work: EvalRequest | CallRequest, timeout: float | None) -> OutgoingRequest:
    if work.key is not None:
        body["key"] = work.key
    if work.if_epoch is not None:
        body["ifEpoch"] = work.if_epoch
    if work.console:
        body["console"] = True
    if timeout is not None:
        body["timeoutMs"] = math.ceil(checked_timeout(timeout) * 1000)
    return OutgoingRequest("POST", path, timeout, encode_json(body))


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None
