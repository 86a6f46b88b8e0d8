"""An API server that answers what a test says: real HTTP on a loopback port, in the test's own event loop."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Body = Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]]
"""Sends the chunks of a streamed answer, each with a call."""


@dataclass
class Reply:
    """One answer. With `stream` the body is chunked; status 0 closes the connection without an answer."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    stream: Body | None = None
    complete: bool = True
    """False: the connection closes in the middle of a chunked body."""


@dataclass
class Seen:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class ApiServer:
    """An async context manager. Answers with `script` in turn, and keeps the requests in `seen`."""

    script: list[Reply] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    url: str = ""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed a connection."""

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed.set()
        except asyncio.CancelledError:
            pass  # the end of the test; asyncio would log it
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        self.seen.append(await _request(reader))
        reply = self.script.pop(0)
        if not reply.status:
            return False
        head = f"HTTP/1.1 {reply.status} Said\r\nContent-Type: {reply.content_type}\r\n"
        if reply.stream is None:
            writer.write(f"{head}Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body)
            await writer.drain()
            return True

        async def send(chunk: bytes) -> None:
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()

        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        streaming = asyncio.ensure_future(reply.stream(send))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([streaming, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            streaming.cancel()
            leaving.cancel()
            await asyncio.gather(streaming, leaving, return_exceptions=True)
        if not leaving.cancelled():
            self.closed.set()
            return False
        writer.write(b"0\r\n\r\n" if reply.complete else b"5\r\nab")
        return reply.complete


async def _request(reader: asyncio.StreamReader) -> Seen:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Seen(method, parts.path, dict(parse_qsl(parts.query)), headers, json.loads(body) if body else None)


def document(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


def refusal(status: int, message: str) -> Reply:
    """As an API server refuses: with a Status."""
    return document({"kind": "Status", "apiVersion": "v1", "message": message, "code": status}, status)
