"""A real loopback server with a route table of its own, and a client that speaks bytes."""

import asyncio
from collections.abc import Iterable

from tyrex_pool.model.errors import InvalidRequest, NoRuntime
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.http.messages import Request, head
from tyrex_pool.server.http.routes import Pending, Responder, Routes

LIMIT = 1000
HEAD = head(200, "text/plain")
Answer = tuple[int, bytes]


class Later:
    """An answer that waits until the test gives it."""

    def __init__(self, connection: Responder, request: Request) -> None:
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

    def echo(self, connection: Responder, request: Request) -> None:
        head = request.head
        parts = (head.method, head.path, head.query, head.content_type, head.key, head.timeout_ms)
        connection.respond(HEAD, b"|".join(b"-" if part is None else part for part in (*parts, request.body)))

    def soon(self, connection: Responder, request: Request) -> Pending:
        asyncio.get_running_loop().call_soon(connection.respond, HEAD, request.body)
        return Later(connection, request)

    def wait(self, connection: Responder, request: Request) -> Pending:
        later = Later(connection, request)
        self.later.put_nowait(later)
        return later

    def big(self, connection: Responder, request: Request) -> None:
        connection.respond(HEAD, b"x" * 4_000_000)

    def error(self, connection: Responder, request: Request) -> None:
        raise InvalidRequest("no") if request.head.query else NoRuntime("none")

    def mistake(self, connection: Responder, request: Request) -> None:
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


class Wire:
    """A transport that only notes what is asked of it."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: Iterable[bytes]) -> None:
        self.write(b"".join(pieces))

    def set_write_buffer_limits(self, high: int) -> None:
        pass  # it takes all

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


CHUNKED = (
    b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
)
TRAILERS = b"Tyrex-Key: stolen\r\nTyrex-Timeout-Ms: 9\r\nContent-Type: text/javascript\r\n"
TRAILED = CHUNKED[:-2] + TRAILERS + b"\r\n"
