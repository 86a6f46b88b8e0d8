"""Runtimes that evaluate nothing: servers that answer as an agent does, byte for byte, and as cheaply as possible.

`python -m tests.bench.fakes PORT...` answers on every port, as one runtime each, in one process.
"""

import select
import socket
import sys

LARGE = 65_536
"""Bytes: a request of half of this gets an answer with a string of this length, any other gets 3."""
_POOL = (
    b'{"name":"fake","generation":null,"ready":true,"size":1,"readyRuntimes":1,"concurrency":1,"queue":{"length":1000},'
    b'"inFlight":0,"queued":0,"lastError":null,"runtimes":[{"name":"fake-%d","index":0,"state":"Ready","reason":null,'
    b'"inFlight":0,"queued":0,"capacity":1,"epoch":1}]}'
)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_TRAIL = (
    b"Tyrex-Runtime: fake-%d\r\nTyrex-Epoch: 1\r\nTyrex-Eval: fake-%d.1.48151623\r\n"
    b"Server-Timing: queue;dur=0.021, eval;dur=0.094\r\nTyrex-Load: 0\r\n"
)


class Runtime:
    """The answers of one runtime."""

    def __init__(self, number: int) -> None:
        trail = _OK + _TRAIL % (number, number)
        self.small = _with_body(trail, b'{"result":3}')
        self.large = _with_body(trail, b'{"result":"%b"}' % (b"x" * LARGE))
        self.pool = _with_body(_OK + b"Connection: close\r\n", _POOL % number)


def _with_body(head: bytes, body: bytes) -> bytes:
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


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

    def receive(self) -> bool:
        """Read, and answer what is complete; False: it is over."""
        data = self._held + self._socket.recv(2 * LARGE)
        if len(data) == len(self._held):
            return False
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + (length := _length(data, end)):
            self._held = data
            return True
        self._held = data[end + 4 + length :]
        if data.startswith(b"GET"):
            self._socket.sendall(self._runtime.pool)
            return False
        self._socket.sendall(self._runtime.large if length > LARGE // 2 else self._runtime.small)
        return True

    def close(self) -> None:
        self._socket.close()


def _listen(port: int) -> socket.socket:
    server = socket.create_server(("127.0.0.1", port), backlog=4096)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * LARGE)  # its connections inherit it
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
