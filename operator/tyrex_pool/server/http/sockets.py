"""What asyncio's transports do not offer and their sockets do: whether the peer takes what it is sent, and a reset."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Final

_COUNT: Final = struct.Struct("i")
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for 0 seconds."""


def unsent(transport: asyncio.WriteTransport) -> int:
    """Bytes that were written to `transport` and that its peer has not taken, those in the kernel included.

    Without those a slow reader would seem to take nothing for a long time: the kernel makes room in large steps.
    """
    held = transport.get_write_buffer_size()
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None:
        return held
    try:
        (queued,) = _COUNT.unpack(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(_COUNT.size)))
    except (OSError, ValueError):  # it is closed, or another system
        return held
    return held + int(queued)


def broken(transport: asyncio.WriteTransport) -> bool:
    """Whether the peer has refused what was sent to it, as a closed socket does: a transport that no longer reads does
    not notice by itself.
    """
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None:
        return True
    try:
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    except (OSError, ValueError):  # it is closed
        return True


def reset(transport: asyncio.WriteTransport) -> None:
    """Close now and drop all that was not sent, in the kernel too: the peer sees a reset, not the end of an answer."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError, ValueError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
