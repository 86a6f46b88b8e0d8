"""Many connections to one server, each with at most one eval on its way, from one thread: not fast, but many."""

import http.client
import json
import resource
import socket
from threading import Event
from time import monotonic
from urllib.parse import urlsplit

from tyrex_pool.model import names

ANSWER = 65_536
"""Bytes that hold a whole answer."""
PATIENCE = 60.0
"""Seconds."""


def allow(descriptors: int) -> None:
    """Let this process, and those that it starts, open so many. SystemExit where the system forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= descriptors:
        return
    if hard != resource.RLIM_INFINITY and hard < descriptors:
        raise SystemExit(f"allow {descriptors} open files (ulimit -n) for this section: the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))


def request(code: str) -> bytes:
    """A POST of an eval that may take a minute."""
    body = json.dumps({"code": code, "timeoutMs": 60_000}).encode()
    kind = names.TYPE_JSON.encode()
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n" % (names.PATH_EVAL.encode(), kind)
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


TRIVIAL = request("1 + 2")


class Crowd:
    """Connections to the server at `url`; use it as `with Crowd(url) as crowd`."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._address = (urlsplit(url).hostname or "", urlsplit(url).port or 80)
        self._all: list[socket.socket] = []

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._all:
            connection.close()

    def grow(self, number: int) -> None:
        """Have so many connections; each new one gets one eval answered, and is idle then."""
        while len(self._all) < number:
            self._all.append(socket.create_connection(self._address, PATIENCE))
            _trivial(self._all[-1])

    def repeat(self, evals: int) -> None:
        """So many evals, one after another, on the first connection."""
        for _ in range(evals):
            _trivial(self._all[0])

    def ask(self, first: int, end: int, what: bytes = TRIVIAL) -> None:
        """Send an eval on each of these connections, and wait until the server has them all; read no answer."""
        before, pause = self.load(), Event()
        for connection in self._all[first:end]:
            connection.sendall(what)
        deadline = monotonic() + PATIENCE
        while self.load() < before + end - first:
            if monotonic() > deadline:
                raise RuntimeError("the server did not take every eval")
            pause.wait(0.05)

    def load(self) -> int:
        """Evals in flight and waiting, as the server says."""
        asking = http.client.HTTPConnection(self._netloc, timeout=PATIENCE)
        try:
            asking.request("GET", names.PATH_POOL)
            pool = json.loads(asking.getresponse().read())
        finally:
            asking.close()
        return int(pool["inFlight"] + pool["queued"])


def _trivial(connection: socket.socket) -> None:
    connection.sendall(TRIVIAL)
    answer = connection.recv(ANSWER)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"an eval was answered with {answer[:200]!r}")
