"""The connections of clients: each belongs to the process, and in asyncio and trio to the event loop, that opened it.

Two processes that use one connection, as after a fork, would get each other's answers.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from weakref import WeakKeyDictionary

import anyio
import httpx
from anyio.lowlevel import RunVar

from tyrex_pool.client.address import Address

MOST: Final = 100
"""Connections of one AsyncClient; further requests wait for one of them."""
STREAMED: Final = "tyrex_pool.streamed"
"""An extension of requests whose responses are read as they come."""
KEPT: Final = 20
"""Connections of one AsyncClient that stay open while they are idle."""
_FORKED: Final = (
    "the connections of `http` belong to the process that this one was forked from: "
    "make `http` and the client anew in this process"
)


class ProcessConnections:
    """The httpx client of each process that uses a `Client`. `given`: the caller's own one, if any."""

    def __init__(self, address: Address, given: httpx.Client | None) -> None:
        self._address = address
        self._given = given
        self._clients: dict[int, httpx.Client] = {}
        self._closed = False

    def get(self) -> httpx.Client:
        """Raises RuntimeError when there is none for this process."""
        process = os.getpid()
        return self._clients.get(process) or self._make(process)

    def _make(self, process: int) -> httpx.Client:
        if self._closed:
            raise RuntimeError("the Client is closed")
        if self._given is not None and self._clients:
            raise RuntimeError(_FORKED)
        http = self._given or httpx.Client(transport=httpx.HTTPTransport(**self._address.transport_options()))
        # No lock, which another thread might have held at the fork. The parent's client is dropped and not closed:
        # closing takes such a lock too.
        for other in set(self._clients) - {process}:
            self._clients.pop(other, None)
        return self._clients.setdefault(process, http)

    def close(self) -> None:
        """Close those of this process, unless they are the caller's."""
        self._closed = True
        own = self._clients.pop(os.getpid(), None)
        if own is not None and self._given is None:
            own.close()


_OF_THIS_LOOP: Final = RunVar["WeakKeyDictionary[LoopConnections, httpx.AsyncClient]"]("tyrex_pool.client")


class LoopConnections:
    """The httpx client of each event loop that uses an `AsyncClient`. `given`: the caller's own one, if any."""

    def __init__(self, address: Address, given: httpx.AsyncClient | None) -> None:
        self._address = address
        self._given = given
        self._process = 0
        self._closed = False

    def get(self) -> httpx.AsyncClient:
        """Raises RuntimeError when there is none for this process."""
        if self._closed:
            raise RuntimeError("the AsyncClient is closed")
        if self._given is not None:
            self._process = self._process or os.getpid()
            if self._process != os.getpid():
                raise RuntimeError(_FORKED)
            return self._given
        clients = _clients()
        http = clients.get(self)
        if http is None:
            options = self._address.transport_options()
            http = clients[self] = httpx.AsyncClient(transport=Lanes(lambda: _lane(options)))
        return http

    async def close(self) -> None:
        """Close those of this event loop, unless they are the caller's; those of loops that have ended are gone."""
        self._closed = True
        own = _clients().pop(self, None)
        if own is not None:
            await own.aclose()


def _clients() -> "WeakKeyDictionary[LoopConnections, httpx.AsyncClient]":
    try:
        return _OF_THIS_LOOP.get()
    except LookupError:
        clients = WeakKeyDictionary[LoopConnections, httpx.AsyncClient]()
        _OF_THIS_LOOP.set(clients)
        return clients


def _lane(options: dict[str, object]) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(**options, limits=httpx.Limits(max_connections=1))  # type: ignore[arg-type]


class Lanes(httpx.AsyncBaseTransport):
    """Up to MOST connections, each a transport of its own from `make`, which one request has at a time.

    A transport of httpx with many connections looks at all of them for every request: a hundred requests at once would
    cost ten times as much each as ten.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._places = anyio.Semaphore(MOST)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The whole response, unless it is STREAMED. Raises httpx.RequestError."""
        with anyio.move_on_after(request.extensions["timeout"]["pool"]) as waiting:
            await self._places.acquire()
        if waiting.cancelled_caught:
            raise httpx.PoolTimeout("no connection became free", request=request)
        try:
            response, lane = await self._through_lane(request)
        except BaseException:
            self._places.release()
            raise
        if STREAMED in request.extensions:
            response.stream = _Streamed(response, lambda: self._give_back(lane))
        else:
            await self._give_back(lane)
        return response

    async def _through_lane(self, request: httpx.Request) -> tuple[httpx.Response, httpx.AsyncBaseTransport]:
        lane = self._idle.pop() if self._idle else self._make()
        try:
            response = await lane.handle_async_request(request)
            if STREAMED not in request.extensions:
                await response.aread()
        except BaseException:  # cancelled, for instance: the connection may be in the middle of anything
            await _closed(lane)
            raise
        return response, lane

    async def _give_back(self, lane: httpx.AsyncBaseTransport) -> None:
        self._places.release()
        if len(self._idle) < KEPT:
            self._idle.append(lane)
        else:
            await _closed(lane)

    async def aclose(self) -> None:
        while self._idle:
            await _closed(self._idle.pop())


class _Streamed(httpx.AsyncByteStream):
    """The body of `response`; `closed` is called when it was read or is not wanted any more."""

    def __init__(self, response: httpx.Response, closed: Callable[[], Awaitable[None]]) -> None:
        self._stream = response.stream
        self._closed = closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        async for data in self._stream:
            yield data

    async def aclose(self) -> None:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        try:
            with anyio.CancelScope(shield=True):  # or the connection would stay in the middle of the response
                await self._stream.aclose()
        finally:
            await self._closed()


async def _closed(lane: httpx.AsyncBaseTransport) -> None:
    with anyio.CancelScope(shield=True):
        await lane.aclose()
