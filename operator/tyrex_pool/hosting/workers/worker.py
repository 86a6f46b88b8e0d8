"""One worker of `tyrex-pool proxy --workers N`: the proxy of the command line on a port that it shares.

It is started by `cli.workers` as a process of its own, whose standard input is a socket to the parent.
"""

import argparse
import asyncio
import socket
import sys
from collections.abc import Mapping
from typing import Any

from tyrex_pool.cli.proxy import prepared
from tyrex_pool.hosting.errors import BadInput, said
from tyrex_pool.hosting.hosting import run as host
from tyrex_pool.hosting.hosting import settle
from tyrex_pool.hosting.workers.messages import LONGEST, Failed, Orders, Serving, State, Told, decode_orders, line
from tyrex_pool.model.errors import InvalidSpec, InvalidStrategy
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.service import Address, Service

_NOT_YET = State(False, "it is starting", "")


class Shared:
    """The front of a proxy that is one of several: a port that they share, and no admin port but the parent."""

    def __init__(self, orders: Orders, parent: asyncio.StreamWriter) -> None:
        self.share = orders.number / orders.count
        self._address = Address(orders.args["host"], orders.port, None, shared=True)
        self._parent = parent
        self._admin: Admin | None = None

    async def open(self, api: Api, admin: Admin) -> Service:
        service = await Service.open(api, admin, self._address)
        self._admin = admin
        return service

    def announce(self, pool: Mapping[str, Any], service: Service) -> None:
        settle()
        self.tell(Serving(dict(pool)))

    def tell(self, message: Told) -> None:
        self._parent.write(line(message))

    async def answer(self, parent: asyncio.StreamReader, stop: asyncio.Event) -> None:
        """Tell what is asked; when the parent is gone, set `stop`."""
        try:
            while await parent.readline():
                self.tell(_NOT_YET if self._admin is None else _state(self._admin))
        except OSError:
            pass
        stop.set()


def _state(admin: Admin) -> State:
    return State(*admin.readiness(), admin.metrics().decode())


async def _work(channel: socket.socket, stop: asyncio.Event) -> int:
    reader, writer = await asyncio.open_unix_connection(sock=channel, limit=LONGEST)
    try:
        first = await reader.readline()
        if not first:
            return 0
        orders = decode_orders(first)
        front = Shared(orders, writer)
        answering = asyncio.create_task(front.answer(reader, stop))
        try:
            return await prepared(argparse.Namespace(**orders.args), front)(stop)
        except (BadInput, InvalidSpec, InvalidStrategy, OSError) as error:
            front.tell(Failed(said(error)))
            await writer.drain()
            return 2
        finally:
            answering.cancel()
    finally:
        writer.close()


def main() -> int:
    channel = socket.socket(fileno=sys.stdin.fileno())
    return host(lambda stop: _work(channel, stop))


if __name__ == "__main__":
    sys.exit(main())
