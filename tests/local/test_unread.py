"""Clients that leave large answers unread, with the real commands: what waits is bounded, and nobody else notices."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.local.commands import Command, command, logging_to
from tests.local.running import until
from tests.unit.server.exposed import labelled, value
from tests.unit.server.streaming import ordered
from tyrex_pool.model.frames import ACCEPTED, handshake
from tyrex_pool.server.http.unread import BOUND

MIB = 1 << 20
MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: big}
spec:
  size: 1
  mainModule:
    inline: |
      globalThis.big = (mib) => "x".repeat(mib * 1048576 - 64);
"""
PORTS = ("--port", "0", "--admin-port", "0")
CROWD, FEWER = 40, 20
ROOM = BOUND // (8 * MIB)
BIG = "big(8)"


class Server:
    """A running command with what it says of itself."""

    def __init__(self, running: Command) -> None:
        self.running = running
        self.address = ("127.0.0.1", urlsplit(running.url).port)
        self.admin = httpx.Client(base_url=running.facts["admin"], timeout=10, trust_env=False)

    def metrics(self) -> bytes:
        return self.admin.get("/metrics").content

    def unread(self) -> float:
        return value(self.metrics(), "tyrex_unread_bytes") or 0.0

    def cut_off(self) -> float:
        return labelled(self.metrics(), "tyrex_connections_cut_off_total")[("reason", "bound"),]

    def resident(self) -> float:
        return value(self.metrics(), "process_resident_memory_bytes") or 0.0

    def answered(self) -> float:
        counts = labelled(self.metrics(), "tyrex_evals_total")
        return sum(counts.values())


@contextmanager
def server_of(kind: str, folder: Path) -> Iterator[Server]:
    """`kind` is the command: `serve`, `proxy` or `workers`; the latter two with an agent behind them."""
    manifest = folder / "pool.yaml"
    manifest.write_text(MANIFEST)
    with ExitStack() as stack:
        if kind == "serve":
            running = stack.enter_context(command("serve", str(manifest), *PORTS))
        else:
            agent = stack.enter_context(command("agent", str(manifest), *PORTS))
            words = ("--workers", "2") if kind == "workers" else ()
            running = stack.enter_context(command("proxy", str(manifest), "--runtime", agent.url, *words, *PORTS))
            until(lambda: running.status()["readyRuntimes"] == 1)
        assert running.post(BIG).status_code == 200
        server = Server(running)
        yield server
        server.admin.close()


@pytest.fixture(scope="module", params=["serve", "proxy", "workers"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server_of(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server_of("serve", tmp_path_factory.mktemp("one")) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_waits(request: pytest.FixtureRequest) -> None:
    for name in ("server", "serve"):
        if name in request.fixturenames:
            server: Server = request.getfixturevalue(name)
            until(lambda server=server: server.unread() == 0)  # type: ignore[misc]


def asking(code: str, *headers: str, path: str = "/v1/eval", kind: str = "text/javascript") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {kind}",
        f"Content-Length: {len(code)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", code]).encode()


def connected(server: Server) -> socket.socket:
    """A client whose kernel takes little by itself."""
    client = socket.socket()
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.connect(server.address)
    return client


@contextmanager
def crowd(
    server: Server, count: int, request: bytes = asking(BIG), half_close: bool = False
) -> Iterator[list[socket.socket]]:
    """`count` clients that ask and read nothing; each has its answer waiting, or was cut off."""
    clients: list[socket.socket] = []
    try:
        for _ in range(count):
            before = server.answered()
            clients.append(connected(server))
            clients[-1].sendall(request)
            until(lambda before=before: server.answered() > before)  # type: ignore[misc]
            if half_close:
                clients[-1].shutdown(socket.SHUT_WR)
        yield clients
    finally:
        for client in clients:
            client.close()


def read_all(client: socket.socket, take: int = MIB, after_each: Callable[[], object] = lambda: None) -> bytes:
    """The body of the next answer. Raises ConnectionResetError, and EOFError if it ends early."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(client, take)
    head, _, first = data.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None
    body = bytearray(first)
    while len(body) < int(length[1]):
        body += received(client, min(take, int(length[1]) - len(body)))
        after_each()
    return bytes(body)


def received(client: socket.socket, size: int) -> bytes:
    data = client.recv(size)
    if not data:
        raise EOFError
    return data


def skip_all(client: socket.socket) -> None:
    while received(client, MIB):
        pass


def result_of(body: bytes) -> Any:
    return json.loads(body)["result"]


def test_what_forty_clients_leave_unread_is_bounded(server: Server) -> None:
    before, cut = server.resident(), server.cut_off()
    with crowd(server, CROWD) as clients:
        assert 0 < server.unread() <= BOUND
        assert server.cut_off() - cut >= CROWD - ROOM
        assert server.resident() - before < 2 * BOUND
        assert [server.running.post(f"{number} + 1").json() for number in range(20)] == [
            {"result": number + 1} for number in range(20)
        ], "the others are answered"
        assert len(server.running.post(BIG).json()["result"]) == 8 * MIB - 64
        with ThreadPoolExecutor(CROWD) as threads:
            outcomes = list(threads.map(outcome, clients))
    assert outcomes.count("reset") >= CROWD - ROOM
    assert outcomes.count("whole") >= 1, "those that come back in time have their answers"
    assert set(outcomes) == {"reset", "whole"}, "nobody sees an answer that is not whole"
    until(lambda: server.unread() == 0)
    until(lambda: server.resident() - before < BOUND // 4, 20)


def outcome(client: socket.socket) -> str:
    """What a client sees that comes back to read."""
    try:
        assert result_of(read_all(client)) == "x" * (8 * MIB - 64)
    except ConnectionResetError:
        return "reset"
    return "whole"


CALLING = asking('{"function": "big", "args": [8]}', path="/v1/call", kind="application/json")
KINDS = [
    pytest.param(asking(BIG, "Connection: close"), False, id="close"),
    pytest.param(asking(BIG).replace(b"HTTP/1.1", b"HTTP/1.0"), False, id="HTTP/1.0"),
    pytest.param(asking(BIG), True, id="half-closed"),
    pytest.param(asking(f"{BIG} as string", kind="application/typescript"), False, id="TypeScript"),
    pytest.param(asking("new Promise((ok) => setTimeout(ok, 1, big(8)))"), False, id="promises"),
    pytest.param(CALLING, False, id="calls"),
    pytest.param(asking(BIG) * 3, False, id="pipelined"),
]


@pytest.mark.parametrize(("request_bytes", "half_close"), KINDS)
def test_whatever_they_ask_for_and_however(serve: Server, request_bytes: bytes, half_close: bool) -> None:
    before, cut = serve.resident(), serve.cut_off()
    with crowd(serve, FEWER, request_bytes, half_close):
        assert serve.cut_off() > cut
        assert 0 < serve.unread() <= BOUND
        assert serve.resident() - before < 2 * BOUND
        assert serve.running.post("1 + 2").json() == {"result": 3}


def test_a_client_that_reads_slowly_but_steadily_gets_its_whole_answer(server: Server) -> None:
    """It takes some 2 MiB a second, for some seconds, while the others come and are cut off."""
    pause, go_on = threading.Event(), threading.Event()
    taken = [0]

    def note() -> None:
        taken[0] += 1
        pause.wait(0.001 if go_on.is_set() else 0.02)

    with connected(server) as slow, ThreadPoolExecutor(1) as threads:
        slow.sendall(asking(BIG))
        reading = threads.submit(read_all, slow, 32_768, note)
        until(lambda: taken[0] > 150, 20)
        cut = server.cut_off()
        with crowd(server, CROWD):
            assert server.cut_off() - cut >= CROWD - ROOM
            go_on.set()
            assert result_of(reading.result(30)) == "x" * (8 * MIB - 64)


def test_a_client_that_pipelines_and_does_not_read_holds_only_itself_back(serve: Server) -> None:
    before = serve.answered()
    with connected(serve) as client:
        client.sendall(asking("big(6)") * 30)
        until(lambda: serve.unread() > 0)
        began = serve.answered() - before
        assert [serve.running.post("1").json() for _ in range(50)] == [{"result": 1}] * 50
        assert began <= 2
        assert serve.answered() - before == began + 50, "none of its evals began meanwhile"
        assert serve.unread() < 7 * MIB
        for _ in range(30):
            assert len(result_of(read_all(client))) == 6 * MIB - 64
    assert serve.answered() - before == 80


def test_a_stream_whose_answers_are_not_read(serve: Server) -> None:
    """A proxy that hangs, or somebody who speaks as one, with many evals in hand."""
    before, cut = serve.resident(), serve.cut_off()
    with connected(serve) as proxy:
        proxy.sendall(handshake("pool"))
        assert proxy.recv(len(ACCEPTED)) == ACCEPTED
        proxy.sendall(b"".join(ordered(number, b'{"code": "big(8)"}') for number in range(1, CROWD + 1)))
        until(lambda: serve.cut_off() > cut, 20)
        assert serve.resident() - before < 2 * BOUND
        with pytest.raises(ConnectionResetError):
            skip_all(proxy)
    assert serve.unread() == 0
    assert serve.running.post("1 + 2").json() == {"result": 3}


def test_the_log_says_once_that_clients_do_not_read(tmp_path: Path) -> None:
    manifest, log = tmp_path / "pool.yaml", tmp_path / "log"
    manifest.write_text(MANIFEST)
    with log.open("w") as out, logging_to(out, "serve", str(manifest), *PORTS) as running:
        server = Server(running)
        with crowd(server, FEWER):
            lines = [json.loads(line) for line in log.read_text().splitlines()]
        server.admin.close()
    told = [line for line in lines if "do not read their answers" in line["message"]]
    assert [line["level"] for line in told] == ["warning"]
