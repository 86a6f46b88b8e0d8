"""Reserves a TCP port for several processes that share it."""

import contextlib
import errno
import socket
from collections.abc import Iterator

from tyrex_pool.server.service import in_use, unknown

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""Of IPv4, of IPv6, and of a Python without IPv6, as `socket.getaddrinfo` returns it."""


@contextlib.contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Keep `port` (0: any free one) bound without listening on it, so that sockets with SO_REUSEPORT can share it.

    Yields the port. Raises OSError when another process has it, even if that one would share it.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise unknown(host, error) from error
    family, kind, protocol, _, address = found[0]
    if port:
        # Without SO_REUSEPORT first: with it, the bind would succeed beside another proxy.
        with socket.socket(family, kind, protocol) as exclusive:
            exclusive.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(exclusive, address, host, port)
    with socket.socket(family, kind, protocol) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bind(shared, address, host, port)
        yield shared.getsockname()[1]


def _bind(bound: socket.socket, address: SocketAddress, host: str, port: int) -> None:
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        bound.bind(address)
    except OSError as error:
        raise (in_use(host, port) if error.errno == errno.EADDRINUSE else error) from error
