"""The frontend of a proxy: its address, and the party that learns when it serves."""

from typing import Protocol

from tyrex_pool.hosting.announce import announce, freeze_heap
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.service import Address, Service


class Frontend(Protocol):
    """Opens the servers of a proxy and reports that it serves."""

    @property
    def share(self) -> float:
        """The share of the runtimes (0 to 1, less than 1) after which RoundRobin starts."""
        ...

    async def open(self, api: Api, admin: Admin) -> Service:
        """Raises OSError for an address that cannot be bound."""
        ...

    def report(self, pool: PoolView, service: Service) -> None:
        """Report that `service` serves `pool`."""
        ...


class SingleProcess:
    """The frontend of a proxy without workers: it prints its addresses."""

    share = 0.0

    def __init__(self, listen: Address) -> None:
        self._listen = listen

    async def open(self, api: Api, admin: Admin) -> Service:
        return await Service.open(api, admin, self._listen)

    def report(self, pool: PoolView, service: Service) -> None:
        freeze_heap()
        announce(pool, self._listen, service.public.port, service.private.port)
