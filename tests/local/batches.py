"""A batch on a bare connection: lines and answers at the same time, as slowly as a test wants."""

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

START = (
    b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n%b\r\n"
)
END = b"0\r\n\r\n"


def line(code: str, **members: Any) -> bytes:
    return json.dumps({"code": code, **members}).encode() + b"\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Batch:
    """`head` is the head of the answer, once an answer was read. `whole`: the answer had its last chunk."""

    def __init__(self, connection: socket.socket, *headers: bytes) -> None:
        self.socket = connection
        self.head = b""
        self.whole = False
        self._held = b""
        self.raw(START % b"".join(header + b"\r\n" for header in headers))

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send(self, *lines: bytes) -> None:
        self.raw(chunk(b"".join(lines)))

    def end(self) -> None:
        self.raw(END)

    def send_all(self, lines: Iterable[bytes], size: int = 500) -> threading.Thread:
        """Send them in a thread of its own, in chunks of `size` lines, and end; returns the thread."""

        def send() -> None:
            some: list[bytes] = []
            for one in lines:
                some.append(one)
                if len(some) == size:
                    self.send(*some)
                    some = []
            self.raw((chunk(b"".join(some)) if some else b"") + END)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        return thread

    def pieces(self) -> Iterator[bytes]:
        """The chunks of the answer, until its end or that of the connection."""
        if not self.head:
            self.head = self._until(b"\r\n\r\n")
            assert self.head.startswith(b"HTTP/1.1 200 "), self.head
        while True:
            size = self._until(b"\r\n")
            if not size:
                return
            data = self._take(int(size, 16) + 2)
            if data == b"\r\n":
                self.whole = True
                return
            yield data[:-2]

    def answers(self) -> Iterator[dict[str, Any]]:
        """One after another, each as soon as it has come."""
        for piece in self.pieces():
            yield from map(json.loads, piece.splitlines())

    def all(self) -> dict[int, dict[str, Any]]:
        """The remaining answers by index, which must all differ."""
        found: dict[int, dict[str, Any]] = {}
        for answer in self.answers():
            assert found.setdefault(answer["index"], answer) is answer
        return found

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._held:
            data = self.socket.recv(1 << 20)
            if not data:
                return b""
            self._held += data
        return self._take(self._held.index(mark) + len(mark))

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            data = self.socket.recv(1 << 20)
            assert data, "the connection ended within a chunk"
            self._held += data
        taken, self._held = self._held[:size], self._held[size:]
        return taken


@contextmanager
def batch(port: int, *headers: bytes) -> Iterator[Batch]:
    """To the pool at that port of loopback."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Batch(connection, *headers)
