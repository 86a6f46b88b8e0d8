"""`AsyncClient`: a pool over HTTP, for asyncio and trio."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx

from tyrex_pool.client import batches, exchange
from tyrex_pool.client.address import parse_address
from tyrex_pool.client.batches import Part
from tyrex_pool.client.connections import LoopConnections
from tyrex_pool.client.exchange import Failure, OutgoingRequest
from tyrex_pool.model.answer import Answer
from tyrex_pool.model.batch import BatchAnswer, Item, read_answer
from tyrex_pool.model.errors import TyrexError
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
        console: bool = False,
    ) -> Any:
        """The value of `code`. `timeout` in seconds; None: the pool's timeouts.eval.

        The code sees `inputs`, data as in the arguments of `call`, under that name. With `epoch`, that of an Answer, it
        runs in the isolate that gave that answer or not at all: EpochChanged.

        With `console` an Answer: its `result`, and what the code printed as its `console`. Errors have that too then.
        """
        answer = await self.eval_response(
            code, key=key, timeout=timeout, language=language, inputs=inputs, epoch=epoch, console=console
        )
        return answer if console else answer.result

    async def call(
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
        answer = await self.call_response(function, *args, key=key, timeout=timeout, epoch=epoch, console=console)
        return answer if console else answer.result

    async def eval_response(
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
        return await self._send(
            exchange.eval_request(code, key, timeout, language, inputs, epoch, console), exchange.evaluated
        )

    async def call_response(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Answer:
        """As `call`, with the runtime and its epoch."""
        return await self._send(exchange.call_request(function, args, key, timeout, epoch, console), exchange.evaluated)

    async def batch(self, items: Iterable[Item] | AsyncIterable[Item]) -> AsyncGenerator[BatchAnswer, None]:
        """As `Client.batch`, also of asynchronous items."""
        async with aclosing(self.batch_lines(batches.parts_of(items))) as answers:
            async for answer in answers:
                yield read_answer(answer)

    async def batch_lines(self, parts: AsyncIterable[Part | bytes]) -> AsyncGenerator[bytes, None]:
        """The answers to parts of a batch as lines of JSON; answers among them are passed on."""
        async for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            async with aclosing(self._send_part(part)) as answers:
                async for answer in answers:
                    yield answer

    async def _send_part(self, part: Part) -> AsyncGenerator[bytes, None]:
        http = self._connections.get()
        error: TyrexError | None = None
        try:
            response = await http.send(part.request.build(http, self._address.base), stream=True)
            async with aclosing(response):
                if response.status_code == httpx.codes.OK:
                    async for data in response.aiter_bytes():
                        for answer in part.read(data):
                            yield answer
                else:
                    await response.aread()
                    error = batches.failure(response, self._address)
        except httpx.RequestError as exc:
            error = exchange.unanswered(exc, self._address).error
        except ValueError as exc:
            error = batches.no_answer(self._address, exc)
        for answer in part.end(error):
            yield answer

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
