"""Clients that read slowly, or not at all, on real connections: what waits is bounded, and the others go on."""

import asyncio
import socket
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from tests.unit.server.agents import until
from tests.unit.server.listening import HEAD, LIMIT, Client, Server, get, post
from tyrex_pool.server.http.connection import IDLE_SECONDS
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.http.messages import Request
from tyrex_pool.server.http.routes import Responder
from tyrex_pool.server.http.unread import STALLED, Unread

BIG = 8_000_000
"""Bytes of an answer: more than the kernels hold."""
ROOM = 3
"""Big answers that the bound has room for."""
EXPECTING = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"


def big(responder: Responder, request: Request) -> None:
    responder.respond(HEAD, b"x" * BIG)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    server.routes = {**server.routes, b"/big": {b"GET": big}}
    unread = Unread(ROOM * BIG + 1_000_000)
    server.listener = await Listener.open(server.routes, LIMIT, "127.0.0.1", 0, unread=unread)
    yield server
    await server.listener.close()


class Idle:
    """A client that reads only when it is told to. Its kernel takes little by itself."""

    def __init__(self, server: Server) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._socket.connect(("127.0.0.1", server.listener.port))
        self._socket.setblocking(False)

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    async def take(self, size: int) -> bytes:
        """The next `size` bytes, or fewer before the end. Raises ConnectionResetError."""
        taken = b""
        async with asyncio.timeout(10):
            while len(taken) < size and (data := await self._loop.sock_recv(self._socket, size - len(taken))):
                taken += data
        return taken

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def clients(server: Server) -> AsyncIterator[list[Idle]]:
    clients = [Idle(server) for _ in range(ROOM + 3)]
    yield clients
    for client in clients:
        client.close()


def unread(server: Server) -> Unread:
    return server.listener.unread


async def leave_unread(
    server: Server, clients: list[Idle], request: bytes = get("/big"), half_close: bool = False
) -> None:
    """Have each of `clients` ask, and wait until its answer waits."""
    for client in clients:
        before = unread(server).held, dict(unread(server).cut_off)
        await client.send(request)
        if half_close:
            client.half_close()
        await until(lambda before=before: (unread(server).held, dict(unread(server).cut_off)) != before)  # type: ignore[misc]


KINDS = [
    pytest.param(get("/big"), False, id="keep-alive"),
    pytest.param(get("/big", "Connection: close"), False, id="close"),
    pytest.param(get("/big").replace(b"/1.1", b"/1.0"), False, id="HTTP/1.0"),
    pytest.param(get("/big") * 5, False, id="pipelined"),
    pytest.param(get("/big") + get("/echo") * 2000, False, id="many pipelined"),
    pytest.param(get("/big") + b"nonsense\r\n\r\n", False, id="and then a wrong request"),
    pytest.param(get("/big") + b"POST /echo HT", False, id="and then half a request"),
    pytest.param(get("/big") + EXPECTING, False, id="and then one that waits for 100"),
    pytest.param(get("/big"), True, id="half-closed"),
]


@pytest.mark.parametrize(("request_bytes", "half_close"), KINDS)
async def test_those_that_do_not_read_are_cut_off(
    server: Server, clients: list[Idle], request_bytes: bytes, half_close: bool
) -> None:
    await leave_unread(server, clients, request_bytes, half_close)
    assert unread(server).cut_off == {"bound": 3, "stalled": 0}
    assert ROOM * BIG <= unread(server).held <= unread(server).bound
    for client in clients[:3]:
        with pytest.raises(ConnectionResetError):
            await client.take(BIG)
    await until(lambda: len(server.listener) == ROOM)
    for client in clients[3:]:
        answer = await client.take(BIG)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(answer) == BIG
    for client in clients:
        client.close()
    await until(lambda: (unread(server).held, len(server.listener)) == (0, 0))


async def test_the_others_are_answered_meanwhile(server: Server, clients: list[Idle], client: Client) -> None:
    for idle in clients:
        await leave_unread(server, [idle])
        client.send(get("/echo") + get("/big"))
        assert (await client.answer())[0] == 200
        assert len((await client.answer())[1]) == BIG


def taken_since(unread: Unread, wait: Any, before: float) -> bool:
    """Whether a look finds that the client of `wait` took something."""
    unread.sweep(monotonic())
    return bool(wait.since > before)


async def test_one_that_reads_slowly_gets_all_beside_those_that_do_not(server: Server, clients: list[Idle]) -> None:
    slow, *idle = clients
    await leave_unread(server, [slow])
    wait: Any = next(iter(unread(server)._waits.values()))
    wait.settled = True  # as if it had waited for a while
    taken = b""
    for client in idle:
        before = wait.since
        taken += await slow.take(100_000)
        await until(lambda before=before: taken_since(unread(server), wait, before))  # type: ignore[misc]
        await leave_unread(server, [client])
    assert unread(server).cut_off == {"bound": 3, "stalled": 0}
    head, body = taken.split(b"\r\n\r\n", 1)
    body += await slow.take(BIG - len(body))
    assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 200 OK", b"x" * BIG)


@pytest.mark.parametrize(("request_bytes", "half_close"), KINDS[:2] + KINDS[-1:])
@pytest.mark.parametrize(("after", "cut"), [(STALLED - 5, False), (STALLED + 5, True)])
async def test_one_that_takes_nothing_for_long(
    server: Server, clients: list[Idle], request_bytes: bytes, half_close: bool, after: float, cut: bool
) -> None:
    await leave_unread(server, clients[:1], request_bytes, half_close)
    unread(server).sweep(monotonic() + after)
    assert unread(server).cut_off["stalled"] == int(cut)
    if cut:
        with pytest.raises(ConnectionResetError):
            await clients[0].take(BIG)
        await until(lambda: len(server.listener) == len(clients) - 1)
    else:
        assert len(await clients[0].take(BIG)) == BIG


async def test_one_that_read_for_long_is_kept_for_its_next_request(server: Server, clients: list[Idle]) -> None:
    """The time in which it read is no silence."""
    client = clients[0]
    await leave_unread(server, [client])
    connection: Any = next(iter(unread(server)._waits))
    connection._since = connection._parser.begun_at = monotonic() - 2 * IDLE_SECONDS
    connection.sweep(monotonic())
    head = await client.take(200)
    size = head.index(b"\r\n\r\n") + 4 + BIG
    await client.take(size - len(head))
    await until(lambda: unread(server).held == 0)
    connection.sweep(monotonic() + IDLE_SECONDS - 5)
    await client.send(get("/echo"))
    assert (await client.take(15)).startswith(b"HTTP/1.1 200 OK")


async def test_no_eval_begins_for_a_client_that_has_not_taken_the_answer_before(
    server: Server, clients: list[Idle]
) -> None:
    client = clients[0]
    await leave_unread(server, [client], get("/big") + post("/later") * 20)
    assert server.later.empty()
    assert unread(server).held < BIG + 1000
    await client.take(BIG)
    async with asyncio.timeout(10):
        later = await server.later.get()
    later.connection.respond(HEAD, b"x" * BIG)
    await until(lambda: unread(server).held > 0)
    assert server.later.empty()


async def test_small_answers_count_as_soon_as_they_wait(server: Server, clients: list[Idle]) -> None:
    """However small they are, a client that asks and asks fills what the kernel holds, and no more."""
    client = clients[0]
    sent = 0
    while not unread(server).held and sent < 200_000:
        await client.send(post("/echo", b"x" * 900))
        sent += 1
        await asyncio.sleep(0)
    await until(lambda: unread(server).held > 0)
    (connection,) = unread(server)._waits
    waits: Any = connection
    assert waits._transport.get_write_buffer_size() < 2000
    assert unread(server).held < 2000


async def test_two_listeners_share_a_bound(server: Server, clients: list[Idle]) -> None:
    other = Server()
    other.routes = server.routes
    other.listener = await Listener.open(other.routes, LIMIT, "127.0.0.1", 0, unread=unread(server))
    more = [Idle(other) for _ in range(ROOM)]
    try:
        await leave_unread(server, clients[:ROOM])
        await leave_unread(server, more)
        assert unread(server).cut_off["bound"] == ROOM
        assert (len(other.listener), unread(server).held // BIG) == (ROOM, ROOM)
    finally:
        for client in more:
            client.close()
        await other.listener.close()
