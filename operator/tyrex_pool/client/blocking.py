"""`Client`: the blocking client of a pool."""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tyrex_pool.client import batches, exchange
from tyrex_pool.client.address import parse_address
from tyrex_pool.client.batches import Part
from tyrex_pool.client.connections import ProcessConnections
from tyrex_pool.client.exchange import Failure, OutgoingRequest
from tyrex_pool.model.answer import Answer
from tyrex_pool.model.batch import BatchAnswer, Item, read_answer
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.parameters import Language

T = TypeVar("T")


class Client:
    """Evaluates in the pool at `url`, http://HOST:PORT or unix:/PATH; threads may share a client.

    Connections belong to the process that opened them: after a fork the child opens its own. A pool on loopback is
    reached directly; for others the proxy in the environment's variables holds, as in httpx.

    Every method raises a TyrexError: the one that the pool answered, NoRuntime if the pool cannot be reached,
    DeadRuntimeError if the connection broke after the request was sent, InvalidRequest for a wrong parameter (a
    TypeError too, if its type is wrong). `retries`: how often an eval that certainly never started is sent again, each
    time with its whole timeout. The caller closes `http` (for TLS, headers, proxies) if it passes one, and
    makes a new one after a fork: else a RuntimeError says so.
    """

    def __init__(self, url: str, *, retries: int = 0, http: httpx.Client | None = None) -> None:
        self._address = parse_address(url, own_transport=http is not None)
        self._retries = exchange.checked_retries(retries)
        self._connections = ProcessConnections(self._address, http)

    def eval(
        self,
        code: str,
        *,
        key: str | None = None,
        timeout: float | None = None,
        language: Language = "javascript",
        inputs: Mapping[str, Any] | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Any:
        """The value of `code`. `timeout` in seconds; None: the pool's timeouts.eval.

        The code sees `inputs`, data as in the arguments of `call`, under that name. With `epoch`, that of an Answer, it
        runs in the isolate that gave that answer or not at all: EpochChanged.

        With `console` an Answer: its `result`, and what the code printed as its `console`. Errors have that too then.
        """
        answer = self.eval_response(
            code, key=key, timeout=timeout, language=language, inputs=inputs, epoch=epoch, console=console
        )
        return answer if console else answer.result

    def call(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Any:
        """The value of the global `function` (a dotted name) called with `args`.

        Arguments are JSON's own types: None, bool, int, float, str, and lists, tuples and dicts with str keys of them.
        Everything else is refused, as are NaN, infinities and whole numbers that JavaScript reads as Infinity:
        InvalidRequest names the value's path and what to pass instead. `console` as in `eval`.
        """
        answer = self.call_response(function, *args, key=key, timeout=timeout, epoch=epoch, console=console)
        return answer if console else answer.result

    def eval_response(
        self,
        code: str,
        *,
        key: str | None = None,
        timeout: float | None = None,
        language: Language = "javascript",
        inputs: Mapping[str, Any] | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Answer:
        """As `eval`, with the runtime and its epoch."""
        return self._send(
            exchange.eval_request(code, key, timeout, language, inputs, epoch, console), exchange.evaluated
        )

    def call_response(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Answer:
        """As `call`, with the runtime and its epoch."""
        return self._send(exchange.call_request(function, args, key, timeout, epoch, console), exchange.evaluated)

    def batch(self, items: Iterable[Item]) -> Generator[BatchAnswer, None, None]:
        """Evaluate all `items`, side by side; yields an answer for each as it finishes, with its index.

        An item is code (a str) or the members of `POST /v1/eval` or `/v1/call` as a dict. One that fails does so alone:
        its answer has the `error`, and nothing is raised; nothing is retried. Items are read ahead, some thousands at
        most. When the iterator is closed, what has not started is dropped.
        """
        for answer in self.batch_lines(batches.parts(items)):
            yield read_answer(answer)

    def batch_lines(self, parts: Iterable[Part | bytes]) -> Iterator[bytes]:
        """The answers to parts of a batch as lines of JSON; answers among them are passed on."""
        for part in parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from self._send_part(part)

    def _send_part(self, part: Part) -> Iterator[bytes]:
        http = self._connections.get()
        error: TyrexError | None = None
        try:
            with closing(http.send(part.request.build(http, self._address.base), stream=True)) as response:
                if response.status_code == httpx.codes.OK:
                    for data in response.iter_bytes():
                        yield from part.read(data)
                else:
                    response.read()
                    error = batches.failure(response, self._address)
        except httpx.RequestError as exc:
            error = exchange.unanswered(exc, self._address).error
        except ValueError as exc:
            error = batches.no_answer(self._address, exc)
        yield from part.end(error)

    def pool(self) -> dict[str, Any]:
        """The pool as its server sees it: `GET /v1/pool`."""
        return self._send(exchange.pool_request(), exchange.decoded)

    def explain(self, key: str | None = None) -> dict[str, Any]:
        """Which runtime would serve `key` now, and why: `GET /v1/explain`."""
        return self._send(exchange.explain_request(key), exchange.decoded)

    def close(self) -> None:
        """Close the connections; the client is of no use afterwards."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: OutgoingRequest, read: exchange.Read[T]) -> T:
        http = self._connections.get()
        attempt = 0
        while True:
            outcome: T | Failure
            try:
                response = http.send(request.build(http, self._address.base))
            except httpx.RequestError as exc:
                outcome = exchange.unanswered(exc, self._address)
            else:
                outcome = exchange.answered(response, read, self._address)
            if not isinstance(outcome, Failure):
                return outcome
            pause = outcome.pause(attempt, self._retries)
            if pause is None:
                raise outcome.error
            attempt += 1
            time.sleep(pause)  # noqa: TID251 - a retry has only time to wait for
