"""How much a peer has not taken, and a reset, on real sockets and both event loops."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from tests.unit.server.agents import until
from tyrex_pool.server.http.sockets import reset, unsent

SIZE = 8_000_000
Test = Callable[[asyncio.Transport, socket.socket], Coroutine[Any, Any, None]]


def on_a_connection(test: Test, factory: Any, family: socket.AddressFamily) -> None:
    """Run `test` with a transport and the blocking socket at its other end."""

    async def run() -> None:
        ours, theirs = pair(family)
        with theirs:
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
            try:
                await test(transport, theirs)
            finally:
                transport.abort()
                await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())


def pair(family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
    if family == socket.AF_UNIX:
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname(), 10)
        return listening.accept()[0], theirs


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def factory(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_what_a_peer_takes_shows(factory: Any, family: socket.AddressFamily) -> None:
    async def test(transport: asyncio.Transport, peer: socket.socket) -> None:
        assert unsent(transport) == 0
        transport.write(b"x" * SIZE)
        assert 0 < transport.get_write_buffer_size() < unsent(transport)
        if family == socket.AF_INET:
            await until(lambda: has_begun(transport))
        rest = unsent(transport)
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        for _ in range(8):
            await loop.sock_recv(peer, 1 << 20)
        await until(lambda: unsent(transport) < rest)
        while unsent(transport):
            await loop.sock_recv(peer, 1 << 20)

    on_a_connection(test, factory, family)


def has_begun(transport: asyncio.Transport) -> bool:
    """Whether the peer's kernel has taken something."""
    return unsent(transport) < SIZE


def test_small_reads_show_although_the_kernel_makes_room_in_large_steps(factory: Any) -> None:
    async def test(transport: asyncio.Transport, peer: socket.socket) -> None:
        transport.write(b"x" * SIZE)
        await until(lambda: has_begun(transport))
        same = [0, unsent(transport)]

        def settled() -> bool:
            same[:] = [same[0] + 1 if unsent(transport) == same[1] else 0, unsent(transport)]
            return same[0] > 20

        await until(settled)
        waited = transport.get_write_buffer_size()
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        while unsent(transport) == same[1]:
            await loop.sock_recv(peer, 16_384)
        assert transport.get_write_buffer_size() == waited

    on_a_connection(test, factory, socket.AF_INET)


def test_after_a_reset_the_peer_sees_that_it_has_no_whole_answer(factory: Any) -> None:
    async def test(transport: asyncio.Transport, peer: socket.socket) -> None:
        transport.write(b"x" * SIZE)
        reset(transport)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert transport.is_closing()
        with pytest.raises(ConnectionResetError):
            read_all(peer)

    on_a_connection(test, factory, socket.AF_INET)


def read_all(peer: socket.socket) -> int:
    """How many bytes come before the end."""
    got = 0
    while data := peer.recv(1 << 20):
        got += len(data)
    return got


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_connection_that_is_closed(factory: Any, family: socket.AddressFamily) -> None:
    async def test(transport: asyncio.Transport, peer: socket.socket) -> None:
        transport.write(b"x" * SIZE)
        transport.close()
        assert unsent(transport) > 0
        reset(transport)
        for _ in range(3):
            await asyncio.sleep(0)
        assert unsent(transport) == 0
        reset(transport)

    on_a_connection(test, factory, family)
