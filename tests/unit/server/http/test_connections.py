"""A connection's life: kept, left, slow, silent, closed."""

import asyncio
import socket
from typing import Any, cast

import pytest

from tests.unit.server.listening import (
    CHUNKED,
    HEAD,
    TRAILED,
    Client,
    Later,
    Server,
    Wire,
    get,
    post,
)
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.server.http.connection import CLOSING, SLOWEST, Connection
from tyrex_pool.server.http.head_cache import HeadCache
from tyrex_pool.server.http.messages import Request, error_answer
from tyrex_pool.server.http.routes import Pending, Responder, Routes
from tyrex_pool.server.http.unread import Unread


@pytest.mark.parametrize(
    ("request_bytes", "kept"),
    [
        pytest.param(get("/echo"), True, id="HTTP/1.1"),
        pytest.param(get("/echo", "Connection: close"), False, id="close"),
        pytest.param(get("/echo").replace(b"/1.1", b"/1.0"), False, id="HTTP/1.0"),
    ],
)
async def test_keep_alive(client: Client, request_bytes: bytes, kept: bool) -> None:
    client.send(request_bytes)
    assert (await client.answer())[0] == 200
    if kept:
        client.send(request_bytes)
        assert (await client.answer())[0] == 200
    else:
        assert await client.closed() == b""


async def test_an_answer_to_HEAD_has_no_body(client: Client) -> None:
    client.send(get("/echo").replace(b"GET", b"HEAD") + get("/echo"))
    await client.head()
    assert (await client.answer())[1] == b"GET|/echo|||-|-|", "the next answer follows at once"


async def test_a_client_that_leaves(client: Client, server: Server) -> None:
    client.send(post("/later") + post("/later"))
    first = await server.later.get()
    client.writer.close()
    async with asyncio.timeout(10):
        await first.abandoned.wait()
    first.connection.respond(HEAD, b"too late")
    assert server.later.empty(), "what waited behind it is dropped"
    assert len(server.listener) == 0


async def test_a_client_that_reads_slowly_holds_its_own_requests_back(client: Client, server: Server) -> None:
    client.send(get("/big") * 3 + post("/later"))
    async with asyncio.timeout(10):
        while not any(not getattr(peer, "writable", True) for peer in server.listener._peers):
            await asyncio.sleep(0.001)
    assert server.later.empty()
    for _ in range(3):
        assert len((await client.answer())[1]) == 4_000_000
    async with asyncio.timeout(10):
        await server.later.get()


async def test_close_waits_for_the_answer_in_hand(client: Client, server: Server) -> None:
    client.send(post("/later"))
    later = await server.later.get()
    server.listener.stop_accepting()
    later.connection.respond(HEAD, b"last")
    status, headers = await client.head()
    assert (status, headers["connection"]) == (200, "close")
    assert await client.closed() == b"last"
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", server.listener.port)


async def test_close_answers_a_request_that_is_on_its_way(client: Client, server: Server) -> None:
    client.send(get("/echo"))
    await client.answer()
    server.listener.stop_accepting()
    client.send(get("/echo"))
    status, headers = await client.head()
    assert (status, headers["connection"]) == (200, "close")
    assert (await client.closed()).startswith(b"GET|/echo")


async def test_close_waits_for_a_request_that_comes_whole_in_time(client: Client, server: Server) -> None:
    request = post("/echo", b"abc")
    client.send(get("/echo") + request[:-1])
    await client.answer()
    server.listener.stop_accepting()
    client.send(request[-1:])
    assert (await client.head())[1]["connection"] == "close"
    assert (await client.closed()).endswith(b"|abc")


PARTS = [
    pytest.param(b"P", id="a byte"),
    pytest.param(b"POST ", id="a method"),
    pytest.param(b"POST /echo HTTP/1.1\r\nHost: loc", id="half a head"),
    pytest.param(post("/echo", b"abc")[:-3], id="a head"),
    pytest.param(post("/echo", b"abc")[:-1], id="all but a byte"),
    pytest.param(CHUNKED[:-2], id="all but the end of the chunks"),
]


@pytest.mark.parametrize("part", PARTS)
async def test_close_does_not_wait_for_a_request_that_stays_a_part(client: Client, server: Server, part: bytes) -> None:
    """The drain ends with the last call, whatever has begun to come."""
    client.send(get("/echo") + part)
    await client.answer()
    server.listener.stop_accepting()
    status, headers = await client.head()
    assert (status, headers["connection"]) == (408, "close")
    client.send(b"x")
    await client.closed()
    async with asyncio.timeout(10):
        while len(server.listener):
            await asyncio.sleep(0.01)


async def test_a_part_of_a_request_behind_another_does_not_hold_the_end(client: Client, server: Server) -> None:
    client.send(post("/later") + post("/echo", b"abc")[:-1])
    later = await server.later.get()
    server.listener.stop_accepting()
    later.connection.respond(HEAD, b"last")
    status, headers = await client.head()
    assert (status, headers["connection"]) == (200, "close")
    assert await client.closed() == b"last"


async def test_close_waits_no_longer_than_its_last_call(client: Client, server: Server) -> None:
    client.send(get("/echo"))
    await client.answer()
    server.listener.stop_accepting()
    assert await client.closed() == b""


@pytest.mark.parametrize(
    ("sent", "after", "closed"),
    [
        pytest.param(b"", 70.0, False, id="silent for a while"),
        pytest.param(b"", 80.0, True, id="silent for long"),
        pytest.param(get("/echo"), 70.0, False, id="silent for a while after an answer"),
        pytest.param(post("/echo", b"abc"), 70.0, False, id="silent for a while after an answer to a body"),
        pytest.param(TRAILED, 70.0, False, id="silent for a while after an answer to chunks"),
        pytest.param(get("/echo"), 80.0, True, id="silent for long after an answer"),
        pytest.param(b"POST /echo HT", 20.0, False, id="half a request for a while"),
        pytest.param(post("/later"), 1e6, False, id="waiting for us"),
    ],
)
async def test_sweep(client: Client, server: Server, sent: bytes, after: float, closed: bool) -> None:
    connections: Any = server.listener._peers
    client.send(sent)
    if b"later" in sent:
        await server.later.get()
    elif b"/1.1" in sent:
        await client.answer()
    async with asyncio.timeout(10):
        while not connections or (sent.endswith(b"HT") and not _begun(next(iter(connections)))):
            await asyncio.sleep(0.001)
    (connection,) = connections
    connection.sweep(connection._since + after)
    assert (connection._state is CLOSING) == closed


@pytest.mark.parametrize("part", PARTS)
async def test_a_request_that_does_not_end(client: Client, server: Server, part: bytes) -> None:
    client.send(part)
    async with asyncio.timeout(10):
        while not server.listener._peers or not _begun(next(iter(server.listener._peers))):
            await asyncio.sleep(0.001)
    (connection,) = server.listener._peers
    began = cast("Any", connection)._parser.begun_at
    connection.sweep(began + SLOWEST)
    assert _begun(connection)
    connection.sweep(began + SLOWEST + 0.1)
    status, headers = await client.head()
    assert (status, headers["connection"], headers["content-type"]) == (408, "close", "application/problem+json")
    assert b"30 seconds" in await client.closed()


def _begun(connection: Any) -> bool:
    return bool(connection._parser.reading)


async def test_a_request_that_comes_just_before_the_next_one_s_turn(client: Client, server: Server) -> None:
    """Two wait for their turn when one comes whose head is known: it must not overtake the first."""
    client.send(post("/soon", b"0"))
    await client.answer()
    client.send(post("/later") + post("/later", b"1"))
    first = await server.later.get()
    first.connection.respond(HEAD, b"first")
    cast("Connection", first.connection).data_received(post("/soon", b"2"))  # in the same turn of the loop
    second = await server.later.get()
    second.connection.respond(HEAD, second.request.body)
    assert [(await client.answer())[1] for _ in range(3)] == [b"first", b"1", b"2"]


async def test_a_connection_that_is_accepted_while_the_server_ends(server: Server) -> None:
    """The kernel had it already, so that the listener hears of it after it stopped."""
    before = server.listener._connection()
    server.listener.stop_accepting()
    assert (before._finishing, server.listener._connection()._finishing) == (False, True)


async def test_large_bodies_that_wait_pause_the_reading() -> None:
    """Of 16 requests of 900 KB that come while the first is answered, only a few may lie in our memory."""
    waiting: list[Later] = []

    def handle(connection: Responder, request: Request) -> Pending:
        waiting.append(Later(connection, request))
        return waiting[-1]

    routes: Routes = {b"/later": {b"POST": handle}}
    connection, wire = Connection(routes, HeadCache(), 1 << 20, set(), Unread(), asyncio.get_running_loop()), Wire()
    connection.connection_made(cast("asyncio.Transport", wire))
    body = b"x" * 900_000
    stream = memoryview(post("/later", body) * 16)
    for number in range(16):
        async with asyncio.timeout(5):
            while len(waiting) == number:  # the answer before lets it go on
                if wire.reading:
                    connection.data_received(bytes(stream[:65_536]))
                    stream = stream[65_536:]
                await asyncio.sleep(0)
        while wire.reading and stream:
            connection.data_received(bytes(stream[:65_536]))
            stream = stream[65_536:]
        come = 16 * len(body) - len(stream)
        assert come < (number + 3) * len(body), "it reads on, whatever waits"
        connection.respond(HEAD, b"")
    assert [later.request.body for later in waiting] == [body] * 16
    assert wire.written.count(b"HTTP/1.1 200") == 16


def test_error_answer() -> None:
    start, body = error_answer(NoRuntime("none"), b"X: y\r\n")
    assert start.startswith(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nX: y\r\n")
    assert start.endswith(b"Retry-After: 1\r\n")
    assert b'"detail":"none"' in body


@pytest.mark.parametrize("sent", [b"", get("/echo")], ids=["connected", "sent"])
async def test_what_waits_to_be_accepted_is_answered(server: Server, sent: bytes) -> None:
    """The kernel has made the connection, and its client may have sent a request, before a server that ends sees it."""
    with socket.create_connection(("127.0.0.1", server.listener.port), 10) as early:
        early.sendall(sent)
        server.listener.stop_accepting()
        assert len(server.listener) == 1
        client = Client(*await asyncio.open_connection(sock=early))
        client.send(b"" if sent else get("/echo"))
        status, headers = await client.head()
        assert (status, headers["connection"]) == (200, "close")
        assert await client.closed() == b"GET|/echo|||-|-|"
        client.writer.close()
    assert len(server.listener) == 0
