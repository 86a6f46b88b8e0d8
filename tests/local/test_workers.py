"""`proxy --workers 2` over a real agent: processes that share a port, and one that speaks for them."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.commands import Command, agent_of, command, refused
from tests.local.running import until

MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: shared}
spec: {concurrency: 100, timeouts: {drain: 5s}}
"""
ESTABLISHED, LISTENING = "01", "0A"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with agent_of(MANIFEST, tmp_path_factory.mktemp("agent")) as running:
        yield running


class Proxy:
    """A proxy of two workers, and what its processes and sockets are."""

    def __init__(self, running: Command) -> None:
        self.running = running
        self.process = running.process
        self.port = httpx.URL(running.url).port
        self.admin = httpx.Client(base_url=running.facts["admin"], timeout=10, trust_env=False)

    def workers(self) -> list[int]:
        """The ids of the processes that the parent has."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def sockets(self, pid: int, state: str) -> int:
        """How many sockets a process has on the public port."""
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        ours = {row[9] for row in rows if row[1].endswith(f":{self.port:04X}") and row[3] == state}
        links = (str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir())
        return sum(link.removeprefix("socket:[").removesuffix("]") in ours for link in links)

    def client(self) -> httpx.Client:
        """A connection of its own."""
        return httpx.Client(base_url=self.running.url, timeout=10, trust_env=False)

    def eval(self, code: str = "1 + 2") -> Any:
        """Its result, over a new connection."""
        with self.client() as client:
            answer = client.post("/v1/eval", json={"code": code})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def readiness(self) -> tuple[int, str | None]:
        answer = self.admin.get("/readyz")
        return answer.status_code, answer.json()["reason"]

    def evals(self) -> int:
        """How many succeeded, as the metrics say."""
        lines = self.admin.get("/metrics").text.splitlines()
        rows = [line for line in lines if line.startswith("tyrex_evals_total{") and 'outcome="ok"' in line]
        return sum(int(float(row.rsplit(" ", 1)[1])) for row in rows)

    def answering(self) -> bool:
        """Whether both workers are there."""
        return self.readiness() == (200, None) and len(self.workers()) == 2


Start = Callable[..., Proxy]


@pytest.fixture
def start(agent: Command) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(*words: str) -> Proxy:
            ports = ("--host", "127.0.0.1", "--port", "0", "--admin-port", "0")
            running = stack.enter_context(command("proxy", "--runtime", agent.url, "--workers", "2", *ports, *words))
            proxy = Proxy(running)
            stack.callback(proxy.admin.close)
            until(proxy.answering)
            return proxy

        yield start


def gone(pids: list[int]) -> bool:
    """Whether these have ended, and with them their sockets; their parent may not have heard of it yet."""
    return all(_state(pid) in "ZX" for pid in pids)


def _state(pid: int) -> str:
    """A letter as in /proc; X for a process that is not there. Sockets are closed before it is Z."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def test_the_workers_share_a_port_and_their_counts_are_added_up(start: Start) -> None:
    proxy = start()
    workers = proxy.workers()
    assert [proxy.sockets(pid, LISTENING) for pid in workers] == [1, 1]
    with ExitStack() as stack:
        clients = [stack.enter_context(proxy.client()) for _ in range(40)]
        for client in clients:
            assert client.post("/v1/eval", json={"code": "1 + 2"}).json() == {"result": 3}
        shares = [proxy.sockets(pid, ESTABLISHED) for pid in workers]
        assert sum(shares) == 40
        assert all(shares), "forty connections by the kernel's hash"
        assert proxy.evals() == 40
        shown = proxy.admin.get("/metrics").text
        assert "tyrex_runtimes_ready 1.0" in shown
        assert "tyrex_eval_run_seconds_count 40.0" in shown
        assert clients[0].get("/v1/pool").json()["readyRuntimes"] == 1


def test_a_worker_that_is_killed_comes_back_and_the_others_go_on(start: Start) -> None:
    proxy = start()
    first, second = proxy.workers()
    assert [proxy.eval() for _ in range(20)] == [3] * 20
    assert proxy.evals() == 20
    os.kill(first, signal.SIGKILL)
    until(lambda: gone([first]))
    assert [proxy.eval() for _ in range(20)] == [3] * 20
    until(proxy.answering)
    assert second in proxy.workers()
    assert first not in proxy.workers()
    assert [proxy.eval() for _ in range(20)] == [3] * 20
    assert proxy.evals() == 60, "what was shown before it died still counts"


def test_a_worker_that_is_stuck_makes_it_not_ready(start: Start) -> None:
    proxy = start()
    stuck = proxy.workers()[1]
    os.kill(stuck, signal.SIGSTOP)
    try:
        status, reason = proxy.readiness()
        assert (status, reason) in [(503, f"worker {number}: it does not answer") for number in (0, 1)]
        assert proxy.admin.get("/healthz").status_code == 503
    finally:
        os.kill(stuck, signal.SIGCONT)
    until(proxy.answering)
    assert proxy.admin.get("/healthz").json() == {"healthy": True}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_waits_for_the_evals_of_all_workers(start: Start, agent: Command, number: signal.Signals) -> None:
    proxy = start()
    workers = proxy.workers()
    with ThreadPoolExecutor(12) as threads:
        slow = [threads.submit(proxy.eval, "new Promise(ok => setTimeout(ok, 800, 7))") for _ in range(12)]
        until(lambda: agent.status()["inFlight"] == 12)
        proxy.process.send_signal(number)
        until(lambda: proxy.readiness() == (503, "the server is draining"))
        assert [answer.result() for answer in slow] == [7] * 12
    assert proxy.process.wait(10) == 0
    assert gone(workers)


def test_no_worker_outlives_its_parent(start: Start) -> None:
    proxy = start()
    workers = proxy.workers()
    proxy.process.kill()
    proxy.process.wait(10)
    until(lambda: gone(workers))


def test_a_second_signal_ends_at_once(start: Start, agent: Command) -> None:
    proxy = start()
    workers = proxy.workers()
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(proxy.eval, "new Promise(ok => setTimeout(ok, 4000))")
        until(lambda: agent.status()["inFlight"] == 1)
        proxy.process.send_signal(signal.SIGTERM)
        until(lambda: proxy.readiness()[0] == 503)
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(10) == 130
        assert isinstance(busy.exception(), httpx.TransportError)
    until(lambda: gone(workers))


def test_a_pool_without_runtimes_says_so() -> None:
    words = ("--runtime", "http://127.0.0.1:9", "--workers", "2", "--port", "0", "--admin-port", "0")
    with command("proxy", *words) as running, httpx.Client(trust_env=False) as client:
        answer = client.get(running.facts["admin"] + "/readyz")
        assert answer.status_code == 503
        assert answer.json()["reason"].startswith("worker 0: 127.0.0.1:9: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--workers", "0"], "write a number from 1 to 256, not '0'", id="none"),
        pytest.param(["--workers", "257"], "write a number from 1 to 256, not '257'", id="too many"),
        pytest.param(["--workers", "two"], "write a number from 1 to 256, not 'two'", id="a word"),
        pytest.param(["--workers", "2", "--socket", "/tmp/x"], "leave out --socket, or --workers", id="a socket"),
        pytest.param(["--workers", "2", "nowhere.yaml"], "error: nowhere.yaml: No such file", id="no manifest"),
    ],
)
def test_what_cannot_be_is_refused_once(words: list[str], message: str) -> None:
    said = refused("proxy", "--runtime", "http://127.0.0.1:9", *words)
    assert said.count(message) == 1
    assert said.count("error:") == 1


def test_a_port_that_others_have_is_refused(start: Start) -> None:
    proxy = start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (proxy.port, taken.getsockname()[1]):
            words = ("--runtime", "http://127.0.0.1:9", "--workers", "2", "--host", "127.0.0.1", "--port", str(port))
            assert f"port {port} of 127.0.0.1 is in use: choose another one" in refused("proxy", *words, ports=False)
