"""One worker of `tyrex-pool proxy --workers N`: a proxy in a process of its own, on a port that all workers share.

The parent starts it with a socket to itself as standard input; see `messages`.
"""

import asyncio
import contextlib
import socket
import sys
from typing import Final

from tyrex_pool.hosting.announce import freeze_heap
from tyrex_pool.hosting.errors import BadInput, user_message
from tyrex_pool.hosting.event_loop import run
from tyrex_pool.hosting.proxy import prepared
from tyrex_pool.hosting.workers.messages import (
    MAX_LINE,
    Failed,
    Orders,
    Report,
    Serving,
    WorkerState,
    decode_orders,
    line,
)
from tyrex_pool.model.errors import InvalidSpec, InvalidStrategy
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.service import Service

_STARTING: Final = WorkerState(False, "it is starting", "")


class ParentFrontend:
    """The frontend of a worker: a shared port, and the parent instead of an admin port and a terminal."""

    def __init__(self, orders: Orders, parent: asyncio.StreamWriter) -> None:
        self.share = orders.number / orders.options.workers
        self._listen = orders.options.server.listen
        self._parent = parent
        self._admin: Admin | None = None

    async def open(self, api: Api, admin: Admin) -> Service:
        service = await Service.open(api, admin, self._listen)
        self._admin = admin
        return service

    def report(self, pool: PoolView, service: Service) -> None:
        freeze_heap()
        self.send(Serving(pool))

    def send(self, message: Report) -> None:
        self._parent.write(line(message))

    async def answer(self, parent: asyncio.StreamReader, stop: asyncio.Event) -> None:
        """Send a WorkerState for each line from `parent`; set `stop` when the parent has closed the socket."""
        with contextlib.suppress(OSError):
            while await parent.readline():
                self.send(_STARTING if self._admin is None else _state(self._admin))
        stop.set()


def _state(admin: Admin) -> WorkerState:
    return WorkerState(*admin.readiness(), admin.metrics().decode())


async def _work(channel: socket.socket, stop: asyncio.Event) -> int:
    reader, writer = await asyncio.open_unix_connection(sock=channel, limit=MAX_LINE)
    try:
        first = await reader.readline()
        if not first:
            return 0
        return await _serve(decode_orders(first), reader, writer, stop)
    finally:
        writer.close()


async def _serve(
    orders: Orders, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop: asyncio.Event
) -> int:
    """Run the proxy that the parent ordered; returns the exit code."""
    frontend = ParentFrontend(orders, writer)
    answering = asyncio.create_task(frontend.answer(reader, stop))
    try:
        return await prepared(orders.options, frontend)(stop)
    except (BadInput, InvalidSpec, InvalidStrategy, OSError) as error:
        frontend.send(Failed(user_message(error)))
        await writer.drain()
        return 2
    finally:
        answering.cancel()


def main() -> int:
    channel = socket.socket(fileno=sys.stdin.fileno())
    return run(lambda stop: _work(channel, stop))


if __name__ == "__main__":
    sys.exit(main())
