"""A listening socket: accepts connections for one table of routes, and closes those that are silent or slow."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from time import monotonic

from tyrex_pool.server.http.connection import LAST_CALL, Connection
from tyrex_pool.server.http.date import DATE
from tyrex_pool.server.http.descriptors import DESCRIPTORS
from tyrex_pool.server.http.head_cache import HeadCache
from tyrex_pool.server.http.heap import give_back
from tyrex_pool.server.http.peer import MakeStream, Peer
from tyrex_pool.server.http.policy import ANY_HOST, Policy
from tyrex_pool.server.http.routes import Routes, in_parts
from tyrex_pool.server.http.unfinished import Unfinished
from tyrex_pool.server.http.unix_socket import UnixSocket
from tyrex_pool.server.http.unread import Unread

_SWEEP = 2.0
_LOOK = 0.5
"""Seconds between two looks at those who have not read their answers: so soon it is known who reads."""
_BACKLOG = 1024
_MUCH = 16 << 20
"""Bytes of answers that waited, and of bodies that did not come whole, that were freed, after which the process gives
memory back."""
_TURNS = 3
"""Turns of the event loop after which a socket that it accepted is a connection of ours, and a closed one is gone."""


class Listener:
    """Made with `await Listener.open(...)`; `port` is the real one when 0 was asked for. `streams`: see Connection.

    `unread` bounds what waits to be read, here and on other listeners that share it.
    """

    def __init__(self, routes: Routes, limit: int, streams: MakeStream | None, unread: Unread | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._peers: set[Peer] = set()
        self._routes = routes
        self._streamed = in_parts(routes)
        self._streams = streams
        self._heads = HeadCache()
        self.unread = Unread() if unread is None else unread
        self.unfinished = Unfinished()
        self._limit = limit
        self._policy = ANY_HOST
        self._server: asyncio.Server
        self._unix_socket: UnixSocket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self._adopting: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None]
        self._stopped = False
        self.port = 0

    @classmethod
    async def open(
        cls,
        routes: Routes,
        limit: int,
        host: str,
        port: int,
        streams: MakeStream | None = None,
        shared: bool = False,
        unread: Unread | None = None,
        allowed_hosts: Sequence[str] = (),
    ) -> "Listener":
        """Listen on TCP; `shared`: beside others that do so too. `allowed_hosts`: see Policy. Raises OSError."""
        self = cls(routes, limit, streams, unread)
        reuse_port = shared or None
        self._server = await self._loop.create_server(
            self._connection, host, port, backlog=_BACKLOG, reuse_port=reuse_port
        )
        addresses = [listening.getsockname() for listening in self._server.sockets]
        self._policy = Policy.of((address[0] for address in addresses), allowed_hosts)
        self._sweep()
        self._look()
        self.port = addresses[0][1]
        return self

    @classmethod
    async def open_unix(
        cls,
        routes: Routes,
        limit: int,
        path: str,
        streams: MakeStream | None = None,
        unread: Unread | None = None,
    ) -> "Listener":
        """Listen on a Unix socket, which `close` removes; see UnixSocket. Raises OSError."""
        self = cls(routes, limit, streams, unread)
        self._unix_socket = UnixSocket(path, _BACKLOG)
        self._server = await self._loop.create_unix_server(
            self._connection, sock=self._unix_socket.listening, backlog=_BACKLOG
        )
        self._sweep()
        self._look()
        return self

    def limit_bodies(self, limit: int) -> None:
        """From now on a body may have `limit` bytes, on the connections that are open too."""
        self._limit = limit
        for peer in self._peers:
            peer.limit = limit

    def _connection(self) -> Connection:
        connection = Connection(
            self._routes,
            self._heads,
            self._limit,
            self._peers,
            self.unread,
            self._loop,
            self._streams,
            self._policy,
            self.unfinished,
            self._streamed,
        )
        if self._stopped:  # it was accepted just before
            connection.finish(LAST_CALL)
        return connection

    def _sweep(self) -> None:
        now = monotonic()
        for peer in list(self._peers):
            peer.sweep(now)
        self._timer = self._loop.call_later(_SWEEP, self._sweep)

    def _look(self) -> None:
        now = monotonic()
        DATE.refresh()
        if self._server.sockets:
            DESCRIPTORS.check(self._server.sockets[0].fileno(), now)
        self.unread.sweep(now)
        if self.unread.released + self.unfinished.released > _MUCH:
            self.unread.released = self.unfinished.released = 0
            give_back()
        self._look_timer = self._loop.call_later(_LOOK, self._look)

    def stop_accepting(self) -> None:
        """Accept no new connections; the present ones close after the answer in hand, or after a last call for one."""
        if not self._stopped:
            self._stop(accept_the_rest=True)
            for peer in list(self._peers):
                peer.finish(LAST_CALL)

    def _stop(self, accept_the_rest: bool) -> None:
        """asyncio drops a connection that it accepted in the turn in which its server closes: so it closes later."""
        self._stopped = True
        for server in self._server.sockets:
            self._loop.remove_reader(server.fileno())
            if accept_the_rest:
                self._accept_the_rest(server.fileno())
        self._closing = self._loop.create_task(self._close_server())

    async def _close_server(self) -> None:
        await _turns()
        self._server.close()

    def _accept_the_rest(self, descriptor: int) -> None:
        """Accept what waits in the kernel: for its client it is a connection, which may carry a request already."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as listening:
            while True:  # until that would block
                task = self._loop.create_task(self._adopt(listening.accept()[0]))
                self._adopting.add(task)
                task.add_done_callback(self._adopting.discard)

    async def _adopt(self, accepted: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._connection, accepted)

    async def close(self) -> None:
        """Close everything now."""
        for timer in (self._timer, self._look_timer):
            if timer is not None:
                timer.cancel()
        if not self._stopped:
            self._stop(accept_the_rest=False)
        await asyncio.gather(self._closing, *self._adopting, return_exceptions=True)
        await _turns()
        for peer in list(self._peers):
            peer.close()
        await _turns()
        for peer in list(self._peers):  # their clients do not read what was written
            peer.abort()
        await asyncio.sleep(0)
        if self._unix_socket is not None:
            self._unix_socket.remove()

    def __len__(self) -> int:
        return len(self._peers) + len(self._adopting)


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
