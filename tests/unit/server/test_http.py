"""The HTTP protocol on a real loopback server with a route table of its own; no pool is behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tyrex_pool.model.errors import InvalidRequest, NoRuntime
from tyrex_pool.server.http import PIPELINED, Connection, Pending, Routes
from tyrex_pool.server.listener import Listener
from tyrex_pool.server.messages import Request, error_answer, head

LIMIT = 1000
HEAD = head(200, "text/plain")
Answer = tuple[int, bytes]


class Later:
    """An answer that waits until the test gives it."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self.connection = connection
        self.request = request
        self.abandoned = asyncio.Event()

    def abandon(self) -> None:
        self.abandoned.set()


class Server:
    """`/echo` answers at once with all it understood, `/soon` in the loop's next turn, `/later` when told to."""

    def __init__(self) -> None:
        self.later: asyncio.Queue[Later] = asyncio.Queue()
        self.routes: Routes = {
            b"/echo": {b"POST": self.echo, b"GET": self.echo},
            b"/soon": {b"POST": self.soon},
            b"/later": {b"POST": self.wait},
            b"/big": {b"GET": self.big},
            b"/error": {b"GET": self.error},
            b"/mistake": {b"GET": self.mistake},
        }
        self.listener: Listener

    def echo(self, connection: Connection, request: Request) -> None:
        parts = (request.method, request.path, request.query, request.content_type, request.key, request.timeout_ms)
        connection.respond(HEAD, b"|".join(b"-" if part is None else part for part in (*parts, request.body)))

    def soon(self, connection: Connection, request: Request) -> Pending:
        asyncio.get_running_loop().call_soon(connection.respond, HEAD, request.body)
        return Later(connection, request)

    def wait(self, connection: Connection, request: Request) -> Pending:
        later = Later(connection, request)
        self.later.put_nowait(later)
        return later

    def big(self, connection: Connection, request: Request) -> None:
        connection.respond(HEAD, b"x" * 4_000_000)

    def error(self, connection: Connection, request: Request) -> None:
        raise InvalidRequest("no") if request.query else NoRuntime("none")

    def mistake(self, connection: Connection, request: Request) -> None:
        raise OverflowError("nobody thought of this")


class Client:
    """A connection that reads answers one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        status, headers = await self.head()
        return status, await self.reader.readexactly(int(headers["content-length"]))

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(10):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:-2])

    async def closed(self) -> bytes:
        """What comes before the server closes the connection."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    server.listener = await Listener.open(server.routes, LIMIT, "127.0.0.1", 0)
    yield server
    await server.listener.close()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", server.listener.port))
    yield client
    client.writer.close()


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: pool", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: pool", *headers, "", ""]).encode()


CHUNKED = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
TRAILERS = b"Tyrex-Key: stolen\r\nTyrex-Timeout-Ms: 9\r\nContent-Type: text/javascript\r\n"
TRAILED = CHUNKED[:-2] + TRAILERS + b"\r\n"
UNDERSTOOD = [
    pytest.param(get("/echo"), b"GET|/echo|||-|-|", id="GET"),
    pytest.param(get("/echo?a=b%20c?d"), b"GET|/echo|a=b%20c?d||-|-|", id="query"),
    pytest.param(post("/echo", b"abc"), b"POST|/echo|||-|-|abc", id="body"),
    pytest.param(post("/echo", b"\0\r\n\r\n\xff"), b"POST|/echo|||-|-|\0\r\n\r\n\xff", id="bytes"),
    pytest.param(CHUNKED, b"POST|/echo|||-|-|abcde", id="chunks"),
    pytest.param(TRAILED, b"POST|/echo|||-|-|abcde", id="trailers, which say nothing"),
    pytest.param(
        TRAILED.replace(b"\r\n", b"\r\nTyrex-Key: mine\r\n", 1),
        b"POST|/echo|||mine|-|abcde",
        id="trailers, which change nothing",
    ),
    pytest.param(
        post("/echo", b"x", "CONTENT-type: text/javascript", "tyrex-KEY: a b", "Tyrex-Timeout-Ms: 50"),
        b"POST|/echo||text/javascript|a b|50|x",
        id="headers of any case",
    ),
    pytest.param(post("/echo", b"x" * LIMIT), b"POST|/echo|||-|-|" + b"x" * LIMIT, id="just at the limit"),
    pytest.param(get("/echo", "X: " + "y" * 60_000), b"GET|/echo|||-|-|", id="long header"),
]


@pytest.mark.parametrize(("request_bytes", "body"), UNDERSTOOD)
async def test_whole(client: Client, request_bytes: bytes, body: bytes) -> None:
    client.send(request_bytes)
    assert await client.answer() == (200, body)


@pytest.mark.parametrize(("request_bytes", "body"), UNDERSTOOD[:-2])
async def test_byte_by_byte(client: Client, request_bytes: bytes, body: bytes) -> None:
    for byte in request_bytes:
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert await client.answer() == (200, body)


@pytest.mark.parametrize("path", ["/echo", "/soon"])
async def test_pipelined(client: Client, path: str) -> None:
    count = PIPELINED * 5
    client.send(b"".join(post(path, b"%d" % number) for number in range(count)))
    bodies = [(await client.answer())[1].rpartition(b"|")[2] for _ in range(count)]
    assert bodies == [b"%d" % number for number in range(count)]


async def test_pipelined_behind_one_that_takes_its_time(client: Client, server: Server) -> None:
    client.send(post("/later", b"first") + post("/echo", b"second") + post("/later", b"third"))
    first = await server.later.get()
    assert server.later.empty(), "one at a time"
    first.connection.respond(HEAD, first.request.body)
    assert await client.answer() == (200, b"first")
    assert await client.answer() == (200, b"POST|/echo|||-|-|second")
    third = await server.later.get()
    third.connection.respond(HEAD, third.request.body)
    assert await client.answer() == (200, b"third")


async def test_a_tail_waits_for_its_rest(client: Client) -> None:
    second = post("/echo", b"second")
    client.send(post("/echo", b"first") + second[:-3])
    assert (await client.answer())[1].endswith(b"first")
    client.send(second[-3:])
    assert (await client.answer())[1].endswith(b"second")


STREAM = post("/soon", b"one") + CHUNKED + get("/echo?q") + post("/error") + post("/echo", b"\xff" * 300)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, len(STREAM) - 1), max_size=20).map(sorted))
def test_split_anywhere(cuts: list[int]) -> None:
    async def ask() -> list[Answer]:
        server = Server()
        listener = await Listener.open(server.routes, LIMIT, "127.0.0.1", 0)
        client = Client(*await asyncio.open_connection("127.0.0.1", listener.port))
        for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
            client.send(STREAM[start:end])
            await asyncio.sleep(0)
        answers = [await client.answer() for _ in range(5)]
        client.writer.close()
        await listener.close()
        return answers

    answers = asyncio.run(ask())
    assert [status for status, _ in answers] == [200, 200, 200, 405, 200]
    assert [answers[index][1].rpartition(b"|")[2] for index in (0, 1, 4)] == [b"one", b"abcde", b"\xff" * 300]


@pytest.mark.parametrize(
    ("request_bytes", "status", "said"),
    [
        pytest.param(get("/nowhere"), 404, b'"not_found"', id="no such path"),
        pytest.param(get("/later"), 405, b"use POST", id="no such method"),
        pytest.param(get("/error"), 503, b'"no_runtime"', id="a handler that raises"),
        pytest.param(get("/mistake"), 500, b'"status":500', id="a handler with a mistake"),
        pytest.param(get("/error?caller"), 400, b'"invalid_request"', id="a handler that refuses"),
    ],
)
async def test_problems_keep_the_connection(client: Client, request_bytes: bytes, status: int, said: bytes) -> None:
    client.send(request_bytes + get("/echo"))
    got, body = await client.answer()
    assert (got, said in body) == (status, True), body
    assert (await client.answer())[0] == 200


async def test_what_a_problem_says_in_headers(client: Client) -> None:
    client.send(get("/later") + get("/error"))
    _, headers = await client.head()
    assert headers["allow"] == "post"
    await client.reader.readexactly(int(headers["content-length"]))
    status, headers = await client.head()
    assert (status, headers["retry-after"], headers["content-type"]) == (503, "1", "application/problem+json")


async def test_a_mistake_of_ours_is_a_problem_and_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.send(get("/mistake"))
    status, headers = await client.head()
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert "connection" not in headers
    told = json.loads(await client.reader.readexactly(int(headers["content-length"])))
    assert (told["fault"], told["retryable"]) == ("platform", False)
    assert "nobody thought of this" not in told["detail"], "callers need not know our inside"
    assert "nobody thought of this" in caplog.text
    client.send(get("/echo"))
    assert (await client.answer())[0] == 200


REFUSED = [
    pytest.param(post("/echo", b"x" * (LIMIT + 1)), 413, id="a body over the limit"),
    pytest.param(post("/echo").replace(b"Length: 0", b"Length: 99999999999"), 413, id="a length over the limit"),
    pytest.param(CHUNKED[:-5] + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", 413, id="chunks over the limit"),
    pytest.param(get("/echo", *(f"X-{number}: {'y' * 900}" for number in range(80))), 431, id="many headers"),
    pytest.param(get("/echo", "X: " + "y" * 70_000), 431, id="a long header"),
    pytest.param(get("/" + "y" * 70_000), 431, id="a long path"),
    pytest.param(get("/echo")[:-2] + b"X: " + b"y" * 400_000, 431, id="a header that does not end"),
    pytest.param(b"GET /" + b"y" * 400_000, 431, id="a path that does not end"),
    pytest.param(CHUNKED[:-2] + b"X: " + b"y" * 70_000 + b"\r\n\r\n", 431, id="a long trailer"),
    pytest.param(CHUNKED[:-2] + b"X: " + b"y" * 400_000, 431, id="a trailer that does not end"),
    pytest.param(CHUNKED[:-2] + (b"X: " + b"y" * 900 + b"\r\n") * 80 + b"\r\n", 431, id="many trailers"),
    pytest.param(b"hello\r\n\r\n", 400, id="no HTTP"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="TLS"),
    pytest.param(b"GET /echo HTTP/9.9\r\n\r\n", 400, id="an unknown version"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
    pytest.param(get("/echo", "bad header"), 400, id="a header without colon"),
    pytest.param(post("/echo").replace(b"Length: 0", b"Length: x"), 400, id="a length that is no number"),
    pytest.param(post("/echo", b"", "Content-Length: 5"), 400, id="two lengths"),
    pytest.param(post("/echo", b"", "Transfer-Encoding: chunked"), 400, id="a length and chunks"),
    pytest.param(CHUNKED.replace(b"3\r\n", b"z\r\n"), 400, id="a chunk without size"),
]


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED)
async def test_refused(client: Client, request_bytes: bytes, status: int) -> None:
    client.send(request_bytes)
    got, headers = await client.head()
    assert (got, headers["connection"], headers["content-type"]) == (status, "close", "application/problem+json")
    assert len(await client.closed()) == int(headers["content-length"]), "and then it closes"


@pytest.mark.parametrize(
    ("request_bytes", "tail"),
    [
        pytest.param(post("/later"), b"garbage\r\n\r\n", id="garbage"),
        pytest.param(post("/later"), post("/echo", b"x" * (LIMIT + 1)), id="one that is too large"),
        pytest.param(post("/later", b"", "Connection: close"), get("/echo"), id="one after the last"),
    ],
)
async def test_what_came_before_a_refused_request_is_answered(
    client: Client, server: Server, request_bytes: bytes, tail: bytes
) -> None:
    client.send(request_bytes + tail)
    first = await server.later.get()
    first.connection.respond(HEAD, b"first")
    assert await client.answer() == (200, b"first")
    await client.closed()


async def test_expect_continue(client: Client) -> None:
    request = post("/echo", b"abc", "Expect: 100-continue")
    client.send(request[:-3])
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    assert (await client.answer())[0] == 200


async def test_expect_continue_with_a_body_over_the_limit(client: Client) -> None:
    client.send(post("/echo", b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 5000"))
    assert (await client.answer())[0] == 413


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        pytest.param(get("/echo", "Connection: Upgrade", "Upgrade: websocket"), {200, 400}, id="an upgrade"),
        pytest.param(get("/echo", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"), {200, 400}, id="h2c"),
        pytest.param(post("/echo", b"abc", "Connection: Upgrade", "Upgrade: h2c"), {200, 400}, id="h2c with a body"),
        pytest.param(b"CONNECT pool:80 HTTP/1.1\r\nHost: pool\r\n\r\n", {400, 404, 405}, id="CONNECT"),
    ],
)
async def test_another_protocol_is_answered_once(client: Client, request_bytes: bytes, statuses: set[int]) -> None:
    client.send(request_bytes)
    assert (await client.answer())[0] in statuses
    client.writer.write_eof()
    assert await client.closed() == b""


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
        while not any(connection._slow_reader for connection in server.listener._connections):
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
        pytest.param(b"POST /echo HT", 40.0, True, id="half a request for long"),
        pytest.param(post("/later"), 1e6, False, id="waiting for us"),
    ],
)
async def test_sweep(client: Client, server: Server, sent: bytes, after: float, closed: bool) -> None:
    connections: set[Connection] = server.listener._connections
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
    assert connection._closing == closed


def _begun(connection: Any) -> bool:
    return bool(connection._url)


class Wire:
    """A transport that only notes what is asked of it."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def test_large_bodies_that_wait_pause_the_reading() -> None:
    """Of 16 requests of 900 KB that come while the first is answered, only a few may lie in our memory."""
    waiting: list[Later] = []

    def handle(connection: Connection, request: Request) -> Pending:
        waiting.append(Later(connection, request))
        return waiting[-1]

    routes: Routes = {b"/later": {b"POST": handle}}
    connection, wire = Connection(routes, 1 << 20, set(), asyncio.get_running_loop()), Wire()
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
