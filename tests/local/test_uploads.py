"""Bodies that do not come whole: what their clients leave behind is back at once, and what is being read is bounded."""

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from tests.local.commands import Command, command
from tests.local.running import until
from tests.local.serving import HELLO
from tests.local.wire import Wire, request
from tests.unit.server.exposed import value
from tyrex_pool.server.http.unread import BOUND

MIB = 1 << 20
PORTS = ("--port", "0", "--admin-port", "0")
ROUNDS, AT_ONCE = 40, 20
"""Of each kind: 2,400 uploads in all."""
FIELDS = b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/javascript\r\n"
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module", params=["serve", "proxy"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    manifest = tmp_path_factory.mktemp("uploads") / "pool.yaml"
    manifest.write_text(HELLO)
    with ExitStack() as stack:
        running = stack.enter_context(command("serve", str(manifest), *PORTS))
        if request.param == "proxy":
            behind = running.url
            running = stack.enter_context(command("proxy", str(manifest), "--runtime", behind, *PORTS))
            until(lambda: running.status()["ready"])
        yield running


def resident(server: Command) -> float:
    text = httpx.get(server.facts["admin"] + "/metrics", trust_env=False).content
    return value(text, "process_resident_memory_bytes") or 0.0


def connected(server: Command) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), 10)


def abort(server: Command, chance: random.Random, chunked: bool, reset: bool) -> None:
    """Some clients that send parts of their bodies in turn, and leave."""
    clients = [connected(server) for _ in range(AT_ONCE)]
    for client in clients:
        client.sendall(
            FIELDS + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: 1048576\r\n\r\n")
        )
    for _ in range(4):
        for client in clients:
            part = b"x" * chance.randrange(100_000, 250_000)
            client.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
    for client in clients:
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()


def test_memory_of_uploads_that_are_aborted(server: Command) -> None:
    chance = random.Random(12)
    for _ in range(20):
        assert server.post("1 + 2").json() == {"result": 3}
    before = resident(server)
    for chunked, reset in ((False, False), (True, False), (True, True)):
        for _ in range(ROUNDS):
            abort(server, chance, chunked, reset)
        until(lambda: resident(server) < 1.2 * before, 2.0)
    assert server.post("1 + 2").json() == {"result": 3}


def test_memory_of_bodies_that_stop(server: Command) -> None:
    """Those that are refused are the first; who sends now is answered."""
    count = BOUND // MIB + 40
    before = resident(server)
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(count)]
        for client in clients:
            client.sendall(FIELDS + b"Content-Length: %d\r\n\r\n" % MIB + b" " * (MIB - 10))
        for client in clients[:40]:
            answer = Wire(client).answer()
            assert (answer.status, answer.name, answer.headers["retry-after"]) == (503, "overloaded", "1")
        assert resident(server) < before + 1.3 * BOUND
        with connected(server) as one:
            one.sendall(request(" " * (MIB - 10) + "7"))
            assert Wire(one).answer().result == 7
        clients[-1].sendall(b"        42")
        assert Wire(clients[-1]).answer().result == 42
    until(lambda: resident(server) < 1.2 * before)
