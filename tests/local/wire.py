"""A bare connection to a pool, for requests that no HTTP client sends."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.local.running import RunningPool


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def result(self) -> object:
        assert self.status == 200, self.body
        return json.loads(self.body)["result"]

    @property
    def name(self) -> object:
        return json.loads(self.body)["name"]


@dataclass
class Wire:
    """A bare connection. An answer that does not come within ten seconds is a TimeoutError."""

    socket: socket.socket
    _held: bytearray = field(default_factory=bytearray)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, to_head: bool = False) -> Answer:
        """The next answer, read by its Content-Length; `to_head`: that to a HEAD request, which has no body."""
        head = self._until(b"\r\n\r\n").decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        if status == "100":
            return Answer(100, headers, b"")
        return Answer(int(status), headers, b"" if to_head else self._take(int(headers["content-length"])))

    def at_end(self) -> bool:
        """Whether the server closes the connection now, with nothing more on it."""
        try:
            return not self._held and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def at_end_of_answers(self) -> bool:
        """Whether nothing more comes; waits for more, or for the end."""
        if not self._held:
            self._held += self.socket.recv(1 << 20)
        return not self._held

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._held:
            self._read()
        return self._take(self._held.index(mark) + len(mark))

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            self._read()
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _read(self) -> None:
        data = self.socket.recv(1 << 20)
        assert data, f"the connection ended after {bytes(self._held[:200])!r}"
        self._held += data


@contextmanager
def wire(pool: RunningPool, port: int | None = None) -> Iterator[Wire]:
    """To the pool's public port, or to another one."""
    with socket.create_connection(("127.0.0.1", port or pool.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Wire(connection)


def request(code: str, *headers: str, version: str = "1.1") -> bytes:
    """A POST of `code` as it stands."""
    lines = [
        f"POST /v1/eval HTTP/{version}", "Host: localhost", "Content-Type: text/javascript",
        f"Content-Length: {len(code.encode())}", *headers, "", code,
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def head(method: str, path: str, *headers: str, host: str | None = "localhost", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", *([] if host is None else [f"Host: {host}"]), *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def posted(path: str, body: bytes, *headers: str, host: str | None = "localhost") -> bytes:
    return head("POST", path, f"Content-Length: {len(body)}", *headers, host=host) + body


def asked(pool: RunningPool, data: bytes, admin: bool = False) -> Answer:
    with wire(pool, pool.admin_port if admin else None) as one:
        one.send(data)
        return one.answer()
