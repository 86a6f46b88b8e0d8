"""Checks of another server's pool: on one connection, for as long as the server keeps it."""

import asyncio
from typing import Any

import httptools

from tyrex_pool.model import names
from tyrex_pool.model.pool_view import PoolView, decode_pool
from tyrex_pool.server.remote.discovery import Endpoint

_GET = b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n"
_STRANGE = "it does not answer as a pool's server does"
_LONGEST = 4 << 20
"""Bytes of an answer; thousands of runtimes fit in it."""
_TIMES = 25
"""Points in each second at which checks start: few, so that checks share the cost of a wake-up, but more than one."""


def seconds_to_next_check(index: int, now: float) -> float:
    """Seconds (0.5 to 1.5) to the next check of the runtime of that index: once a second, and not all at once.

    By the clock, not from the last check on: else checks that were once late together would stay together.
    """
    return 0.5 + (index % _TIMES / _TIMES - now - 0.5) % 1.0


class HealthCheck:
    """Checks the server at `endpoint`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._request = _GET % (names.PATH_POOL.encode(), endpoint.authority.encode())
        self._kept: _Connection | None = None

    async def check(self) -> PoolView:
        """The server's answer to `GET /v1/pool`. Raises OSError, and ValueError for an answer that is no such answer.

        A failure of a kept connection proves nothing about the server, and neither does the last answer on one: a
        server that ends gives it, and would refuse a new connection.
        """
        kept, self._kept = self._kept, None
        if kept is not None:
            try:
                body = await self._ask(kept)
                if kept.usable:
                    return _decode(body)
            except (OSError, ValueError):
                pass
        return _decode(await self._ask(await self._connect()))

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        if self._endpoint.socket is not None:
            _, connection = await loop.create_unix_connection(_Connection, self._endpoint.socket)
        else:
            _, connection = await loop.create_connection(_Connection, self._endpoint.host, self._endpoint.port)
        return connection

    async def _ask(self, connection: "_Connection") -> bytes:
        try:
            body = await connection.ask(self._request)
            if connection.usable:
                self._kept = connection
            return body
        finally:
            if self._kept is None:
                connection.close()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()


def _decode(body: bytes) -> PoolView:
    try:
        return decode_pool(body)
    except ValueError as error:
        raise ValueError(f"{_STRANGE}: {error}") from error


class _Connection(asyncio.Protocol):
    """Sends one request after another; `usable` while it may send one more."""

    def __init__(self) -> None:
        self.usable = True
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[bytes] | None = None
        self._begun = False
        self._body = b""

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """The body of the answer. Its exception is an OSError, or a ValueError for an answer other than HTTP 200."""
        self._answer = asyncio.get_running_loop().create_future()
        self._begun, self._body = False, b""
        if self.usable:
            self._transport.write(request)
        else:
            self._answer.set_exception(ConnectionResetError("it closed the connection"))
        return self._answer

    def close(self) -> None:
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # the latter for 101, which nobody asked for
            self._settle(ValueError(_STRANGE))
            self.close()

    def on_headers_complete(self) -> None:
        self._begun = True

    def on_body(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > _LONGEST:
            self._settle(ValueError(_STRANGE))
            self.close()

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._settle(exc)  # an answer without a length ends with its connection

    def _settle(self, problem: Exception | None = None) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if problem is None and not (self._begun and self._parser.get_status_code() == 200):
            problem = ValueError(_STRANGE)
        if problem is None:
            answer.set_result(self._body)
        else:
            answer.set_exception(problem)
