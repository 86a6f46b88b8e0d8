"""Batches while something goes wrong around them: hot keys, lost runtimes, parked pools, several workers."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
import pytest

from tests.local.batches import END, START, Batch, batch, chunk, line
from tests.local.commands import Command, command
from tests.local.conftest import Start
from tests.local.running import until

MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: hop}
spec: {size: 2, queue: {length: 1}, strategy: {type: Hash}}
"""
PORTS = ("--port", "0", "--admin-port", "0")
BRIEF = "new Promise((ok) => setTimeout(ok, 5, 1))"


Make = Callable[..., tuple[Command, list[Command]]]


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Make]:
    """Starts a proxy with options over two agents, ready; both."""
    manifest = tmp_path / "hop.yaml"
    manifest.write_text(MANIFEST)
    with ExitStack() as stack:

        def make(*options: str) -> tuple[Command, list[Command]]:
            agents = [stack.enter_context(command("agent", str(manifest), "--name", name, *PORTS)) for name in "ab"]
            urls = [word for agent in agents for word in ("--runtime", agent.url)]
            front = stack.enter_context(command("proxy", str(manifest), *urls, *PORTS, *options))
            until(lambda: front.status()["readyRuntimes"] == 2)
            return front, agents

        yield make


def port(running: Command) -> int:
    return urlsplit(running.url).port or 0


def outcomes(one: Batch) -> list[object]:
    """Results, or names of errors, in the order of the lines; the batch ends."""
    answers = one.all()
    assert one.whole
    assert sorted(answers) == list(range(len(answers)))
    return [answers[index].get("result", answers[index].get("name")) for index in range(len(answers))]


def test_a_hot_key_waits_for_its_runtime(start: Start) -> None:
    pool = start(size=2, queue={"length": 1}, strategy={"type": "Hash"})
    with batch(pool.port) as one:
        one.send(*(line(BRIEF, key="hot") for _ in range(60)))
        one.end()
        assert outcomes(one) == [1] * 60


def test_a_hot_key_waits_for_its_runtime_behind_a_proxy(proxied: Make) -> None:
    front, _ = proxied()
    with batch(port(front)) as one:
        one.send(*(line(BRIEF, key="hot") for _ in range(60)))
        one.end()
        assert outcomes(one) == [1] * 60


def test_keys_keep_their_runtimes(proxied: Make) -> None:
    front, _ = proxied()
    with batch(port(front)) as one:
        one.send(*(line("1", key=f"user-{number % 5}") for number in range(50)))
        one.end()
        answers = one.all()
    for key in range(5):
        assert len({answers[index]["runtime"] for index in range(key, 50, 5)}) == 1


def test_an_agent_that_dies_costs_its_lines_alone(proxied: Make) -> None:
    front, agents = proxied()
    with batch(port(front)) as one:
        one.send(*(line(BRIEF, key=f"user-{number}") for number in range(300)))
        answers = one.answers()
        found = {answer["index"]: answer for answer in (next(answers) for _ in range(20))}
        agents[0].process.kill()
        agents[0].process.wait(10)
        one.end()
        for answer in answers:
            assert found.setdefault(answer["index"], answer) is answer
    assert one.whole
    assert sorted(found) == list(range(300))
    ran = [answer for answer in found.values() if answer.get("result") == 1]
    lost = {answer["name"] for answer in found.values() if "name" in answer}
    assert len(ran) > 250
    assert lost <= {"dead_runtime_error", "no_runtime"}


def test_an_isolate_that_ends_costs_its_line_alone(start: Start) -> None:
    pool = start(size=2)
    with batch(pool.port) as one:
        one.send(*(line("Deno.exit()" if number % 25 == 3 else "1") for number in range(100)))
        one.end()
        assert outcomes(one) == ["dead_runtime_error" if number % 25 == 3 else 1 for number in range(100)]


def test_a_parked_pool_refuses_each_line_at_once(start: Start) -> None:
    pool = start(size=0)
    with batch(pool.port) as one:
        one.send(*[line("1")] * 500)
        one.end()
        assert outcomes(one) == ["no_runtime"] * 500


def test_slow_lines_do_not_miss_their_deadlines_behind_one_another(start: Start) -> None:
    pool = start(size=2, queue={"length": 100})
    with batch(pool.port) as one:
        one.send(*(line("1") for _ in range(2000)))  # quick ones first: many are in flight then
        one.send(*(line("new Promise((ok) => setTimeout(ok, 100, 1))", timeoutMs=3000) for _ in range(100)))
        one.end()
        assert outcomes(one) == [1] * 2100


def test_others_are_served_while_a_batch_of_slow_lines_runs(start: Start) -> None:
    pool = start(size=2, queue={"length": 100})
    with batch(pool.port) as one:
        one.send(*(line("new Promise((ok) => setTimeout(ok, 100, 1))") for _ in range(100)))
        pool.wait_busy(2, 2)
        began = monotonic()
        assert pool.eval("2", timeoutMs=2000) == 2
        waited = monotonic() - began
        one.end()
        assert outcomes(one) == [1] * 100
        assert monotonic() - began > 4 * waited


@pytest.mark.parametrize("concurrency", [1, 8])
def test_lines_run_side_by_side(start: Start, concurrency: int) -> None:
    pool = start(size=2, concurrency=concurrency)
    with batch(pool.port) as one:
        one.send(*(line("new Promise((ok) => setTimeout(ok, 300, 1))") for _ in range(2 * concurrency)))
        pool.wait_busy(2 * concurrency)
        one.end()
        assert outcomes(one) == [1] * 2 * concurrency


def test_deadlines_count_from_the_start_of_a_line(start: Start) -> None:
    pool = start(size=1, queue={"length": 0})
    with batch(pool.port) as one:
        one.send(*(line("new Promise((ok) => setTimeout(ok, 50, 1))", timeoutMs=2000) for _ in range(60)))
        one.end()
        assert outcomes(one) == [1] * 60  # which takes longer than one of them may


def test_several_workers(proxied: Make) -> None:
    front, _ = proxied("--workers", "2")
    with ExitStack() as stack:
        batches = [stack.enter_context(batch(port(front))) for _ in range(8)]
        for one in batches:
            one.send(*(line("1", key=f"user-{number}") for number in range(200)))
            one.end()
        assert [outcomes(one) for one in batches] == [[1] * 200] * 8


def test_a_limit_of_requests_is_one_of_lines(start: Start) -> None:
    pool = start(size=1, limits={"request": "4Ki"})
    with batch(pool.port) as one:
        one.send(*(line("1 /*" + "x" * size + "*/") for size in (4000, 5000, 100_000, 10)))
        one.end()
        assert outcomes(one) == [1, "payload_too_large", "payload_too_large", 1]


def test_clients_that_leave_in_every_way_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "hop.yaml").write_text(MANIFEST)
    with command("serve", str(tmp_path / "hop.yaml"), *PORTS) as running:
        whole = START % b"" + chunk(line("1") + line(BRIEF) * 20 + b"nonsense\n" + line("2") * 50) + END
        descriptors = Path(f"/proc/{running.process.pid}/fd")

        def leave(size: int, *, reset: bool) -> None:
            with socket.create_connection(("127.0.0.1", port(running)), timeout=10) as connection:
                connection.sendall(whole[:size])
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def settled() -> int:
            """Open descriptors, when nothing is left to do and no connection is open."""
            until(lambda: running.status()["inFlight"] == running.status()["queued"] == 0)
            running.http.close()
            running.http = httpx.Client(base_url=running.url, timeout=30, trust_env=False)
            return len(list(descriptors.iterdir()))

        leave(len(whole), reset=False)
        before = settled()
        for number in range(200):
            leave(number * len(whole) // 199, reset=number % 2 == 0)
        until(lambda: settled() <= before)
        with batch(port(running)) as one:
            one.send(*(line("1") for _ in range(100)))
            one.end()
            assert outcomes(one) == [1] * 100
