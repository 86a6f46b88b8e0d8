"""`AsyncClient`: a pool over HTTP, for asyncio and trio."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx

from tyrex_pool.client import exchange
from tyrex_pool.client.address import parse_address
from tyrex_pool.client.connections import LoopConnections
from tyrex_pool.client.exchange import Answer, Failure, OutgoingRequest
from tyrex_pool.model.parameters import Language

T = TypeVar("T")


class AsyncClient:
    """The methods of `Client` as coroutines, under asyncio and trio. When one is cancelled, the pool drops its eval.

    Connections belong to the event loop that opened them: one client may be used in several, one after another. `close`
    closes those of the loop that it is called in.
    """

    def __init__(self, url: str, *, retries: int = 0, http: httpx.AsyncClient | None = None) -> None:
        self._address = parse_address(url, own_transport=http is not None)
        self._retries = exchange.checked_retries(retries)
        self._connections = LoopConnections(self._address, http)

    async def eval(
        self,
        code: str,
        *,
        key: str | None = None,
        timeout: float | None = None,
        language: Language = "javascript",
        inputs: Mapping[str, Any] | None = None,
        epoch: int | str | None = None,
    ) -> Any:
        """The value of `code`. `timeout` in seconds; None: the pool's timeouts.eval.

        The code sees `inputs`, data as in the arguments of `call`, under that name. With `epoch`, that of an Answer, it
        runs in the isolate that gave that answer or not at all: EpochChanged.
        """
        return (
            await self.eval_response(code, key=key, timeout=timeout, language=language, inputs=inputs, epoch=epoch)
        ).result

    async def call(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
    ) -> Any:
        """The value of the global `function` (a dotted name) called with `args`.

        Arguments are JSON's own types: None, bool, int, float, str, and lists, tuples and dicts with str keys of them.
        Everything else is refused, as are NaN, infinities and whole numbers that JavaScript reads as Infinity:
        InvalidRequest names the value's path and what to pass instead.
        """
        return (await self.call_response(function, *args, key=key, timeout=timeout, epoch=epoch)).result

    async def eval_response(
        self,
        code: str,
        *,
        key: str | None = None,
        timeout: float | None = None,
        language: Language = "javascript",
        inputs: Mapping[str, Any] | None = None,
        epoch: int | str | None = None,
    ) -> Answer:
        """As `eval`, with the runtime and its epoch."""
        return await self._send(exchange.eval_request(code, key, timeout, language, inputs, epoch), exchange.evaluated)

    async def call_response(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
    ) -> Answer:
        """As `call`, with the runtime and its epoch."""
        return await self._send(exchange.call_request(function, args, key, timeout, epoch), exchange.evaluated)

    async def pool(self) -> dict[str, Any]:
        """The pool as its server sees it: `GET /v1/pool`."""
        return await self._send(exchange.pool_request(), exchange.decoded)

    async def explain(self, key: str | None = None) -> dict[str, Any]:
        """Which runtime would serve `key` now, and why: `GET /v1/explain`."""
        return await self._send(exchange.explain_request(key), exchange.decoded)

    async def close(self) -> None:
        """Close the connections; the client is of no use afterwards."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, request: OutgoingRequest, read: exchange.Read[T]) -> T:
        http = self._connections.get()
        attempt = 0
        while True:
            outcome: T | Failure
            try:
                response = await http.send(request.build(http, self._address.base))
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
            await anyio.sleep(pause)
