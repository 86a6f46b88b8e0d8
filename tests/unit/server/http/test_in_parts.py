"""Requests whose bodies and answers go in parts, through a real listener: order, pace, refusals and ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import attrgetter
from time import monotonic

import pytest

from tests.unit.server.listening import HEAD, LIMIT, Client, get, post
from tyrex_pool.model.errors import WrongContentType
from tyrex_pool.server.http.connection import IDLE_SECONDS
from tyrex_pool.server.http.intake import AHEAD
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.http.messages import Request
from tyrex_pool.server.http.routes import Duplex, InParts, Responder, Routes

CHUNKED = b"POST /parts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Parts:
    """An exchange that notes what it is told, and answers as its test says. It works on nothing unless told to."""

    def __init__(self, duplex: Duplex) -> None:
        if duplex.request.head.content_type == b"wrong":
            raise WrongContentType("Content-Type: write another")
        self.duplex = duplex
        self.body = b""
        self.held = 0
        self.idle = True
        self.needs_more = False
        self.whole = self.abandoned = False
        self.stopped: bytes | None = None
        duplex.start(HEAD)

    @property
    def waiting(self) -> int:
        return 0 if self.needs_more else self.held

    def received(self, data: bytes) -> None:
        self.body += data
        self.held += len(data)

    def ended(self) -> None:
        self.whole = True

    def stop(self, document: bytes) -> None:
        self.stopped = document
        self.duplex.send(b"stopped")
        self.duplex.end(whole=False)

    def resume(self) -> None: ...

    def abandon(self) -> None:
        self.abandoned = True

    def work(self) -> None:
        self.held = 0
        self.duplex.pace()


class Server:
    def __init__(self) -> None:
        self.begun: asyncio.Queue[Parts] = asyncio.Queue()
        self.routes: Routes = {b"/parts": {b"POST": InParts(self.begin)}, b"/echo": {b"GET": echo, b"POST": echo}}
        self.listener: Listener

    def begin(self, duplex: Duplex) -> Parts:
        parts = Parts(duplex)
        self.begun.put_nowait(parts)
        return parts

    async def next(self) -> Parts:
        async with asyncio.timeout(10):
            return await self.begun.get()


def echo(responder: Responder, request: Request) -> None:
    responder.respond(HEAD, b"echo")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    server.listener = await Listener.open(server.routes, LIMIT, "127.0.0.1", 0)
    yield server
    await server.listener.close()


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not probe():
            await asyncio.sleep(0.001)


async def chunks(client: Client) -> tuple[int, bytes]:
    """Status and body of the next answer, which has chunks."""
    status, headers = await client.head()
    assert headers["transfer-encoding"] == "chunked"
    body = b""
    while True:
        async with asyncio.timeout(10):
            size = int(await client.reader.readuntil(b"\r\n"), 16)
            body += await client.reader.readexactly(size)
            await client.reader.readexactly(2)
        if not size:
            return status, body


async def test_parts_go_both_ways_at_the_same_time(client: Client, server: Server) -> None:
    client.send(CHUNKED + b"3\r\nabc\r\n")
    parts = await server.next()
    await until(lambda: parts.body == b"abc")
    parts.duplex.send(b"first")
    assert (await client.head())[0] == 200
    assert await client.reader.readexactly(10) == b"5\r\nfirst\r\n"
    assert not parts.whole
    client.send(b"2\r\nde\r\n0\r\n\r\n")
    await until(lambda: parts.whole)
    assert parts.body == b"abcde"
    parts.duplex.send(b"last")
    parts.duplex.end(whole=True)
    assert await client.reader.readexactly(9 + 5) == b"4\r\nlast\r\n0\r\n\r\n"


async def test_the_connection_goes_on(client: Client, server: Server) -> None:
    for _ in range(2):
        client.send(post("/parts", b"abc") + get("/echo"))
        parts = await server.next()
        await until(partial(attrgetter("whole"), parts))
        parts.duplex.send(b"answer")
        parts.duplex.end(whole=True)
        assert await chunks(client) == (200, b"answer")
        assert await client.answer() == (200, b"echo")


async def test_they_wait_for_their_turn(client: Client, server: Server) -> None:
    client.send(post("/parts", b"abc") + post("/parts", b"def") + get("/echo") + CHUNKED + b"1\r\ng\r\n")
    for body in (b"abc", b"def"):
        parts = await server.next()
        await until(partial(attrgetter("whole"), parts))
        assert parts.body == body
        assert server.begun.empty()
        parts.duplex.send(body)
        parts.duplex.end(whole=True)
        assert await chunks(client) == (200, body)
    assert await client.answer() == (200, b"echo")
    assert (await server.next()).body == b"g"


async def test_reading_stops_while_much_of_the_body_waits(client: Client, server: Server) -> None:
    size = 50 * AHEAD
    client.send(b"POST /parts HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
    parts = await server.next()
    writing = asyncio.ensure_future(pump(client, size))
    await until(lambda: parts.held > AHEAD)
    held = parts.held
    for _ in range(20):
        await asyncio.sleep(0)
    assert parts.held == held <= 3 * AHEAD
    assert not writing.done()
    while not parts.whole:
        parts.work()
        await asyncio.sleep(0)
    await writing
    assert len(parts.body) == size


async def pump(client: Client, size: int) -> None:
    for _ in range(size // 1024):
        client.send(b"x" * 1024)
        await client.writer.drain()


async def test_reading_goes_on_while_more_is_needed(client: Client, server: Server) -> None:
    client.send(post("/parts", b"x" * 3 * AHEAD))
    parts = await server.next()
    parts.needs_more = True
    parts.duplex.pace()
    await until(lambda: parts.whole)
    assert parts.held == 3 * AHEAD


async def test_that_much_is_read_whatever_becomes_of_it(client: Client, server: Server) -> None:
    client.send(post("/parts", b"x" * AHEAD))
    parts = await server.next()
    await until(lambda: parts.whole)
    assert parts.held == AHEAD


async def test_a_body_that_waits_for_its_turn_is_held_back_too(client: Client, server: Server) -> None:
    client.send(post("/parts", b"") + b"POST /parts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n")
    first = await server.next()
    writing = asyncio.ensure_future(pump(client, 20_000_000))
    await until(lambda: server.listener.unfinished.held > AHEAD)
    assert server.listener.unfinished.held <= 3 * AHEAD
    assert not writing.done()
    first.duplex.end(whole=True)
    second = await server.next()
    assert AHEAD < second.held <= 3 * AHEAD
    writing.cancel()


async def test_too_much_in_all_stops_the_longest(client: Client, server: Server) -> None:
    server.listener.unfinished.bound = 1000
    client.send(CHUNKED + b"7d0\r\n" + b"x" * 2000)
    parts = await server.next()
    await until(lambda: parts.stopped is not None)
    assert b"overloaded" in (parts.stopped or b"")
    assert server.listener.unfinished.held == 0


async def test_expect_is_told_to_go_on(client: Client, server: Server) -> None:
    client.send(post("/parts", b"abc", "Expect: 100-continue")[:-3])
    parts = await server.next()
    async with asyncio.timeout(10):
        assert await client.reader.readexactly(len(CONTINUE)) == CONTINUE
    client.send(b"abc")
    await until(lambda: parts.whole)
    parts.duplex.end(whole=True)
    assert await chunks(client) == (200, b"")


@pytest.mark.parametrize("rest", [b"", b"abc"])
async def test_a_refusal_is_an_answer_with_a_length(client: Client, server: Server, rest: bytes) -> None:
    data = post("/parts", b"abc", "Content-Type: wrong", "Expect: 100-continue")
    client.send(data[:-3] + rest + (get("/echo") if rest else b""))
    status, headers = await client.head()
    assert (status, headers["connection"]) == (415, "close")
    assert b"write another" in await client.closed()


async def test_a_refusal_of_one_that_waited_whole_ends_nothing(client: Client, server: Server) -> None:
    client.send(post("/parts") + post("/parts", b"abc", "Content-Type: wrong") + get("/echo"))
    (await server.next()).duplex.end(whole=True)
    assert await chunks(client) == (200, b"")
    assert (await client.answer())[0] == 415
    assert await client.answer() == (200, b"echo")


async def test_http_1_0_reads_to_the_end_of_the_connection(client: Client, server: Server) -> None:
    client.send(post("/parts", b"abc", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"))
    parts = await server.next()
    await until(lambda: parts.whole)
    parts.duplex.send(b"answer")
    parts.duplex.end(whole=True)
    status, headers = await client.head()
    assert (status, headers["connection"], "transfer-encoding" in headers) == (200, "close", False)
    assert await client.closed() == b"answer"


async def test_close_is_heeded(client: Client, server: Server) -> None:
    client.send(post("/parts", b"abc", "Connection: close"))
    parts = await server.next()
    await until(lambda: parts.whole)
    parts.duplex.end(whole=True)
    _, headers = await client.head()
    assert headers["connection"] == "close"
    assert await client.closed() == b"0\r\n\r\n"


async def test_a_client_that_half_closed_gets_the_answer(client: Client, server: Server) -> None:
    client.send(post("/parts", b"abc"))
    parts = await server.next()
    client.writer.write_eof()
    await until(lambda: parts.whole)
    parts.duplex.send(b"answer")
    parts.duplex.end(whole=True)
    assert await chunks(client) == (200, b"answer")
    assert await client.closed() == b""


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        pytest.param(lambda client: client.writer.write_eof(), b"the connection ended", id="half-closed too soon"),
        pytest.param(lambda client: client.send(b"nonsense\r\n"), b"not valid HTTP", id="a broken chunk"),
    ],
)
async def test_a_body_that_breaks_off(
    client: Client, server: Server, end: Callable[[Client], None], problem: bytes
) -> None:
    client.send(CHUNKED + b"3\r\nabc\r\n")
    parts = await server.next()
    end(client)
    await until(lambda: parts.stopped is not None)
    assert problem in (parts.stopped or b"")
    await client.head()
    assert await client.closed() == b"7\r\nstopped\r\n"  # and no last chunk


async def test_a_client_that_leaves(client: Client, server: Server) -> None:
    client.send(CHUNKED + b"3\r\nabc\r\n")
    parts = await server.next()
    client.writer.transport.abort()
    await until(lambda: parts.abandoned)


async def test_the_end_of_the_server_ends_a_body_that_still_comes(client: Client, server: Server) -> None:
    client.send(CHUNKED + b"3\r\nabc\r\n")
    parts = await server.next()
    peer = next(iter(server.listener._peers))
    peer.finish(0.0)
    assert b"no_runtime" in (parts.stopped or b"")
    client.send(b"3\r\nabc\r\n" * 1000)  # it is still read, or a reset would take the answer away
    await client.head()
    assert await client.closed() == b"7\r\nstopped\r\n"


async def test_one_that_is_whole_goes_on_when_the_server_ends(client: Client, server: Server) -> None:
    client.send(post("/parts", b"abc"))
    parts = await server.next()
    await until(lambda: parts.whole)
    server.listener.stop_accepting()
    next(iter(server.listener._peers)).finish(0.0)
    assert parts.stopped is None
    parts.duplex.send(b"answer")
    parts.duplex.end(whole=True)
    assert await chunks(client) == (200, b"answer")
    assert await client.closed() == b""


async def test_silence_ends_one_that_has_nothing_to_do(client: Client, server: Server) -> None:
    client.send(CHUNKED + b"3\r\nabc\r\n")
    parts = await server.next()
    await until(lambda: parts.body)
    peer = next(iter(server.listener._peers))
    parts.idle = False
    peer.sweep(monotonic() + IDLE_SECONDS + 1)
    assert parts.stopped is None
    parts.idle = True
    peer.sweep(monotonic() + IDLE_SECONDS - 1)
    assert not parts.stopped
    peer.sweep(monotonic() + IDLE_SECONDS + 1)
    await until(lambda: parts.stopped)
    assert json.loads(str(parts.stopped and parts.stopped.decode()))["status"] == 408


async def test_an_answer_is_no_silence(client: Client, server: Server) -> None:
    client.send(CHUNKED + b"3\r\nabc\r\n")
    parts = await server.next()
    await until(lambda: parts.body)
    peer = next(iter(server.listener._peers))
    peer._since -= 10 * IDLE_SECONDS  # type: ignore[attr-defined]  # the client has been silent for long
    parts.duplex.send(b"answer")
    peer.sweep(monotonic())
    assert parts.stopped is None


async def test_other_methods_are_refused_as_everywhere(client: Client, server: Server) -> None:
    for method in (b"GET", b"HEAD", b"PUT"):
        client.send(get("/parts").replace(b"GET", method, 1))
        status, headers = await client.head()
        assert (status, headers["allow"]) == (405, "post")
        if method != b"HEAD":
            await client.reader.readexactly(int(headers["content-length"]))
