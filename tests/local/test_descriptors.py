"""A server that has no file descriptor left: it tells so, recovers, and ends as it should."""

import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.local.running import until
from tests.local.serving import HELLO, Serving

LIMIT = 64
SAID = "no file descriptor is left, of 64"


@contextmanager
def exhausted(port: int) -> Iterator[list[socket.socket]]:
    """More connections than the server has descriptors for."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(2 * LIMIT)]


def said(serving: Serving) -> int:
    """How often it told. All lines of the log are JSON, so none is a traceback."""
    return sum(SAID in line["message"] for line in serving.log())


def ready(serving: Serving, admin: str) -> bool:
    """A connection that comes too early is closed."""
    try:
        return serving.http.get(f"{admin}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("port", ["url", "admin"])
def test_no_descriptor_is_left(tmp_path: Path, port: str) -> None:
    serving = Serving(tmp_path, HELLO)
    serving.in_child = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    try:
        facts = serving.start()
        assert serving.post("1 + 2").json() == {"result": 3}
        with exhausted(urlsplit(facts[port]).port or 0) as connections:
            until(lambda: said(serving) == 1)
            assert connections[-1].recv(1) == b"", "it is closed, and does not hang"
            assert serving.post("1 + 2").json() == {"result": 3}, "the connections that there are go on"
        until(lambda: ready(serving, facts["admin"]))
        assert serving.post("1 + 2").json() == {"result": 3}
        with exhausted(urlsplit(facts[port]).port or 0) as connections:
            assert connections[-1].recv(1) == b""
            serving.signal(signal.SIGTERM)
            assert serving.wait() == 0
        assert all("exception" not in line for line in serving.log())
        assert said(serving) <= 2
    finally:
        serving.close()
