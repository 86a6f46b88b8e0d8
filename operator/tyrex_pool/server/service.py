"""A running server: the public and the admin listener over one pool, from the first request to the last."""

import asyncio
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from tyrex_pool.model.spec import Limits
from tyrex_pool.server.admin import BODY_LIMIT, Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.batch import with_batch
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.http.peer import MakeStream
from tyrex_pool.server.http.routes import Routes
from tyrex_pool.server.http.unread import Unread, bound_of

_POLL = 0.01


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: `port` 0 takes any free one; `flexible` takes a free one when `port` is in use.

    With `socket` (a path) the public side listens there, and not on TCP. With `shared`, other processes of ours listen
    on `port` too, `processes` with this one. Without `admin_port` there is no admin side. `allowed_hosts`:
    names that requests may have as their host, on both sides; see `http/policy.py`.
    """

    host: str
    port: int
    admin_port: int | None
    flexible: bool = False
    admin_flexible: bool = False
    socket: str | None = None
    shared: bool = False
    processes: int = 1
    allowed_hosts: tuple[str, ...] = ()


class Service:
    """Made with `await Service.open(...)`, which raises OSError when it cannot listen on an address."""

    def __init__(self, public: Listener, private: Listener | None, admin: Admin, processes: int) -> None:
        self.public = public
        self._private = private
        self._admin = admin
        self._processes = processes

    @classmethod
    async def open(cls, api: Api, admin: Admin, address: Address, streams: MakeStream | None = None) -> "Service":
        """`streams` makes the stream to which a proxy changes; None on servers that take no streams."""
        limits = api.pool.spec.limits
        limit = int(limits.request)
        unread = Unread(bound_of(int(limits.result), address.processes))
        routes = with_batch(api)
        if address.socket is not None:
            public = await Listener.open_unix(routes, limit, address.socket, streams, unread)
        else:
            host, port, flexible = address.host, address.port, address.flexible
            public = await listen(
                routes, limit, host, port, flexible, streams, address.shared, unread, address.allowed_hosts
            )
        private = None
        try:
            if address.admin_port is not None:
                host, port, flexible = address.host, address.admin_port, address.admin_flexible
                private = await listen(
                    admin.routes, BODY_LIMIT, host, port, flexible, unread=unread, allowed_hosts=address.allowed_hosts
                )
        except BaseException:
            await public.close()
            raise
        public.unfinished.bound = bound_of(limit, address.processes)
        api.metrics.connections = public.__len__
        api.metrics.unread = unread
        return cls(public, private, admin, address.processes)

    @property
    def private(self) -> Listener:
        """The admin listener; the address must have an admin port."""
        assert self._private is not None
        return self._private

    def use_limits(self, limits: Limits) -> None:
        """From now on these limits hold, on open connections too."""
        self.public.limit_bodies(int(limits.request))
        self.public.unfinished.bound = bound_of(int(limits.request), self._processes)
        self.public.unread.bound = bound_of(int(limits.result), self._processes)

    async def drain(self, seconds: float) -> None:
        """Accept no more requests, and wait until all are answered, for at most `seconds`."""
        self._admin.draining = True
        self.public.stop_accepting()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while len(self.public) and loop.time() < end:
            await asyncio.sleep(_POLL)

    async def close(self) -> None:
        await self.public.close()
        if self._private is not None:
            await self._private.close()


async def listen(
    routes: Routes,
    limit: int,
    host: str,
    port: int,
    flexible: bool = False,
    streams: MakeStream | None = None,
    shared: bool = False,
    unread: Unread | None = None,
    allowed_hosts: Sequence[str] = (),
) -> Listener:
    """Listen on TCP. Raises OSError, with what to do about a port that is in use."""
    try:
        return await Listener.open(routes, limit, host, port, streams, shared, unread, allowed_hosts)
    except socket.gaierror as error:
        raise unknown(host, error) from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        if not flexible:
            raise in_use(host, port) from error
        return await Listener.open(routes, limit, host, 0, streams, False, unread, allowed_hosts)


def unknown(host: str, error: socket.gaierror) -> OSError:
    return OSError(error.errno, f"it is no address of this machine: {error.strerror}", host)


def in_use(host: str, port: int) -> OSError:
    return OSError(errno.EADDRINUSE, f"port {port} of {host} is in use: choose another one")
