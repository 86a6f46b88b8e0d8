"""A listening server: accepts connections for one table of routes, and sees to it that none stays for ever."""

import asyncio
import contextlib
from pathlib import Path
from time import monotonic

from tyrex_pool.server.heads import Heads
from tyrex_pool.server.http import LAST_CALL, Connection, MakeStream, Peer, Routes

_SWEEP = 5.0


class Listener:
    """Made with `await Listener.open(...)`; `port` is the real one when 0 was asked for. `streams`: see Connection."""

    def __init__(self, routes: Routes, limit: int, streams: MakeStream | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._peers: set[Peer] = set()
        self._routes = routes
        self._streams = streams
        self._heads = Heads()
        self._limit = limit
        self._server: asyncio.Server
        self._socket_path: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.port = 0

    @classmethod
    async def open(
        cls, routes: Routes, limit: int, host: str, port: int, streams: MakeStream | None = None
    ) -> "Listener":
        """Listen on TCP. Raises OSError."""
        self = cls(routes, limit, streams)
        self._server = await self._loop.create_server(self._connection, host, port, backlog=1024)
        self._sweep()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @classmethod
    async def open_unix(cls, routes: Routes, limit: int, path: str, streams: MakeStream | None = None) -> "Listener":
        """Listen on a Unix socket, which `close` removes. Raises OSError."""
        self = cls(routes, limit, streams)
        self._server = await self._loop.create_unix_server(self._connection, path, backlog=1024)
        self._sweep()
        self._socket_path = path
        return self

    def limit_bodies(self, limit: int) -> None:
        """From now on a body may have `limit` bytes, on the connections that are open too."""
        self._limit = limit
        for peer in self._peers:
            peer.limit = limit

    def _connection(self) -> Connection:
        return Connection(self._routes, self._heads, self._limit, self._peers, self._loop, self._streams)

    def _sweep(self) -> None:
        now = monotonic()
        for peer in list(self._peers):
            peer.sweep(now)
        self._timer = self._loop.call_later(_SWEEP, self._sweep)

    def stop_accepting(self) -> None:
        """No new connections; those there are close after the answer they wait for, or after a last call for one."""
        self._server.close()
        for peer in list(self._peers):
            peer.finish(LAST_CALL)

    async def close(self) -> None:
        """Close everything now."""
        if self._timer is not None:
            self._timer.cancel()
        self.stop_accepting()
        for peer in list(self._peers):
            peer.close()
        if self._socket_path is not None:
            _remove(Path(self._socket_path))

    def __len__(self) -> int:
        return len(self._peers)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
