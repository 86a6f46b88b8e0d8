"""Runtimes that evaluate nothing: servers that answer as an agent does, byte for byte, and as cheaply as possible.

`python -m tests.bench.fakes PORT...` answers on every port, as one runtime each, in one process: over HTTP, and over
the stream that our proxy asks for.
"""

import select
import socket
import sys

from tyrex_pool.model.frames import ACCEPTED, HEADER, Frames, RemoteAnswer, encode, is_handshake

LARGE = 65_536
"""Bytes: a request of half of this gets an answer with a string of this length, any other gets 3."""
_POOL = (
    b'{"name":"fake","generation":null,"ready":true,"size":1,"readyRuntimes":1,"concurrency":1,"queue":{"length":1000},'
    b'"inFlight":0,"queued":0,"lastError":null,"runtimes":[{"name":"fake-%d","index":0,"state":"Ready","reason":null,'
    b'"inFlight":0,"queued":0,"capacity":1,"epoch":1}]}'
)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_RUNTIME = b"Tyrex-Runtime: fake-%d\r\n"
_TRAIL = (
    b"Tyrex-Epoch: 1\r\nTyrex-Eval: fake-%d.1.48151623\r\n"
    b"Server-Timing: queue;dur=0.021, eval;dur=0.094, cpu;dur=0.094\r\n"
)


class Runtime:
    """The answers of one runtime: to evals over HTTP, to looks, and the content of those over a stream."""

    def __init__(self, number: int) -> None:
        trail = _TRAIL % number
        bodies = [b'{"result":3}', b'{"result":"%b"}' % (b"x" * LARGE)]
        self.small, self.large = (_with_body(_OK + _RUNTIME % number + trail, body) for body in bodies)
        self.contents = [encode(RemoteAnswer("ok", 1, 0, _OK, trail, body, 0.000094)) for body in bodies]
        self.pool = _with_body(_OK + b"Connection: close\r\n", _POOL % number)


_DATE = b"Date: Sun, 22 Nov 2026 18:46:25 GMT\r\n"


def _with_body(head: bytes, body: bytes) -> bytes:
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, _DATE, len(body), body)


def _length(data: bytes, end: int) -> int:
    """Of the body, whose request has its head before `end`: proxies write the header's name in either case."""
    at = data.find(b"ontent-", 0, end)
    while at >= 0:
        if data[at + 7 : at + 15].lower() == b"length: ":
            return int(data[at + 15 : data.index(b"\r\n", at)])
        at = data.find(b"ontent-", at + 7, end)
    return 0


class Client:
    """A connection. Its socket blocks: a whole answer fits in its buffer."""

    def __init__(self, connection: socket.socket, runtime: Runtime) -> None:
        self._socket = connection
        self._runtime = runtime
        self._held = b""
        self._frames: Frames | None = None

    def receive(self) -> bool:
        """Read, and answer what is complete; False: it is over."""
        data = self._socket.recv(4 * LARGE)
        if not data:
            return False
        return self._orders(data, self._frames) if self._frames is not None else self._request(self._held + data)

    def _orders(self, data: bytes, frames: Frames) -> bool:
        contents = self._runtime.contents
        answers = []
        for number, order in frames.feed(data):
            if order:
                content = contents[len(order) > LARGE // 2]
                answers.append(HEADER.pack(len(content), number) + content)
        self._socket.sendall(b"".join(answers))
        return True

    def _request(self, data: bytes) -> bool:
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + (length := _length(data, end)):
            self._held = data
            return True
        self._held = data[end + 4 + length :]
        if data.startswith(b"GET"):
            return self._look(data[: end + 4])
        self._socket.sendall(self._runtime.large if length > LARGE // 2 else self._runtime.small)
        return True

    def _look(self, head: bytes) -> bool:
        if is_handshake(head):
            self._frames = Frames(8 * LARGE)
            self._socket.sendall(ACCEPTED)
            return True
        self._socket.sendall(self._runtime.pool)
        return False

    def close(self) -> None:
        self._socket.close()


def _listen(port: int) -> socket.socket:
    server = socket.create_server(("127.0.0.1", port), backlog=4096)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * LARGE)  # its connections inherit it
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def main(ports: list[int]) -> None:
    listening = [(_listen(port), Runtime(number)) for number, port in enumerate(ports)]
    servers = {server.fileno(): (server, runtime) for server, runtime in listening}
    clients: dict[int, Client] = {}
    poll = select.epoll()
    for number in servers:
        poll.register(number, select.EPOLLIN)
    while True:
        for number, _ in poll.poll():
            client = clients.get(number)
            if client is None:
                server, runtime = servers[number]
                connection, _ = server.accept()
                clients[connection.fileno()] = Client(connection, runtime)
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            try:
                goes_on = client.receive()
            except OSError:
                goes_on = False
            if not goes_on:
                poll.unregister(number)
                clients.pop(number).close()


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1:]])
