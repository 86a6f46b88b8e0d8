"""Batches with the real commands, through `serve`, an agent and a proxy: streams both ways, pace, and ends."""

import json
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.local.batches import Batch, batch, chunk, line
from tests.local.commands import Command, command, logging_to
from tests.local.running import until
from tests.unit.server.exposed import value

MANIFEST = """\
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: hop}
spec:
  size: 2
  queue: {length: 4}
  timeouts: {eval: 10s}
  mainModule: {inline: "export const big = (bytes) => 'x'.repeat(bytes); export const add = (a, b) => a + b;"}
"""
PORTS = ("--port", "0", "--admin-port", "0")
SLOW = "new Promise((ok) => setTimeout(ok, 300, 'slow'))"
MIB = 1 << 20


class Front:
    """A server under test, and the log of all."""

    def __init__(self, name: str, running: Command, log: Path) -> None:
        self.name = name
        self.running = running
        self.log = log
        self.port = urlsplit(running.url).port or 0
        self.admin = httpx.Client(base_url=running.facts["admin"], timeout=10, trust_env=False)

    def metrics(self) -> bytes:
        return self.admin.get("/metrics").content

    def resident(self) -> float:
        return value(self.metrics(), "process_resident_memory_bytes") or 0.0

    def outcomes(self, outcome: str) -> float:
        return value(self.metrics(), "tyrex_evals_total", outcome=outcome, strategy="RoundRobin") or 0.0

    def quiet(self) -> bool:
        shown = self.running.status()
        return bool(shown["inFlight"] == shown["queued"] == 0)


@pytest.fixture(scope="module", params=["serve", "agent", "proxy"])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The server, with an access log; a proxy has two agents."""
    folder = tmp_path_factory.mktemp("batch")
    manifest, path = folder / "hop.yaml", folder / "log"
    manifest.write_text(MANIFEST)
    with ExitStack() as stack:
        log = stack.enter_context(path.open("w"))
        words: tuple[str, ...] = (request.param, str(manifest))
        if request.param == "proxy":
            agents = [
                stack.enter_context(logging_to(None, "agent", str(manifest), "--name", name, *PORTS)) for name in "ab"
            ]
            words = ("proxy", *(word for agent in agents for word in ("--runtime", agent.url)))
        running = stack.enter_context(logging_to(log, *words, *PORTS, "--access-log"))
        found = Front(request.param, running, path)
        stack.callback(found.admin.close)
        until(lambda: running.status()["ready"])
        yield found
        assert "Traceback" not in path.read_text()


@pytest.fixture
def one(front: Front) -> Iterator[Batch]:
    with batch(front.port) as opened:
        yield opened


def test_each_line_has_its_own_outcome(front: Front, one: Batch) -> None:
    lines: list[tuple[bytes, Callable[[dict[str, Any]], bool]]] = [
        (line("1 + 1"), lambda answer: answer["result"] == 2),
        (b'{"function": "add", "args": [1, 2]}\r\n', lambda answer: answer["result"] == 3),
        (line("throw {a: 1}"), lambda answer: (answer["name"], answer["value"]) == ("execution_error", {"a": 1})),
        (b"nonsense\n", lambda answer: (answer["name"], answer["fault"]) == ("invalid_request", "caller")),
        (line("1", more=1), lambda answer: "line.more" in answer["detail"]),
        (line("for (;;) {}", timeoutMs=200), lambda answer: answer["name"] == "timeout"),
        (line("'" + "x" * MIB + "'"), lambda answer: (answer["name"], answer["status"]) == ("payload_too_large", 413)),
        (line("'é\\n\\u2028'"), lambda answer: answer["result"] == "é\n\u2028"),
        (b'{"function": "nowhere"}\n', lambda answer: answer["name"] == "unknown_function"),
        (line("(x) => x"), lambda answer: answer["name"] == "conversion_error"),
        (line("const n: number = 1; n", language="typescript"), lambda answer: answer["result"] == 1),
        (line("7").rstrip(), lambda answer: answer["result"] == 7),
    ]
    one.send(b"\xef\xbb\xbf\n", *(sent for sent, _ in lines))
    one.end()
    answers = one.all()
    assert one.whole
    assert b"\r\nContent-Type: application/x-ndjson\r\n" in one.head
    assert sorted(answers) == list(range(len(lines)))
    for index, (sent, holds) in enumerate(lines):
        assert holds(answers[index]), (sent[:100], answers[index])
    ran = answers[0]
    assert ran["epoch"] > 0
    assert ran["eval"].endswith(f".{ran['epoch']}.{ran['eval'].rsplit('.', 1)[1]}")
    assert ran["runtime"] in {runtime["name"] for runtime in front.running.status()["runtimes"]}


def test_answers_come_while_lines_are_sent_and_as_each_finishes(one: Batch) -> None:
    answers = one.answers()
    for number in range(5):
        one.send(line(f"{number}"))
        assert next(answers)["result"] == number
    one.send(line(SLOW, key="a"), line("1"))
    assert [next(answers)["index"] for _ in range(2)] in ([6, 5], [5, 6])
    one.end()
    assert list(answers) == []
    assert one.whole


def test_every_byte_on_its_own(one: Batch) -> None:
    for byte in line("1 + 1") + line("'x'"):
        one.send(bytes([byte]))
    one.end()
    answers = one.all()
    assert (answers[0]["result"], answers[1]["result"]) == (2, "x")


def test_the_connection_goes_on_after_a_batch(one: Batch) -> None:
    for _ in range(3):
        one.send(line("1"))
        one.raw(b"0\r\n\r\nGET /v1/explain HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.all()[0]["result"] == 1
        assert one.whole
        head = one._until(b"\r\n\r\n")
        one._take(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        one.head, one.whole = b"", False
        one.raw(
            b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jsonl\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
    one.end()
    assert one.all() == {}


def test_more_lines_than_the_queue_has_room_for_wait(one: Batch) -> None:
    one.send(*(line("new Promise((ok) => setTimeout(ok, 5, 1))") for _ in range(200)))
    one.end()
    answers = one.all()
    assert len(answers) == 200
    assert {answer.get("result", answer.get("name")) for answer in answers.values()} == {1}


def test_two_batches_share_a_queue_that_is_full(front: Front) -> None:
    with batch(front.port) as first, batch(front.port) as second:
        for one in (first, second):
            one.send(*(line("new Promise((ok) => setTimeout(ok, 5, 1))") for _ in range(100)))
            one.end()
        for one in (first, second):
            assert [answer.get("result", answer.get("name")) for answer in one.all().values()] == [1] * 100


def test_a_hundred_thousand_lines_in_bounded_memory(front: Front, one: Batch) -> None:
    count, size = 100_000 if front.name == "serve" else 10_000, 2_000
    code = f"'{'y' * 16}'.repeat({size // 16})"
    before = front.resident()
    sending = one.send_all((line(code, key=f"user-{number}") for number in range(count)), size=1000)
    seen = bytearray(count)
    most = 0.0
    for answer in one.answers():
        seen[answer["index"]] += 1
        if answer["index"] % 5_000 == 0:
            most = max(most, front.resident())
        if answer["index"] % 1_000 == 0:
            assert len(answer["result"]) == size
    sending.join()
    assert one.whole
    assert seen == b"\1" * count
    assert most - before < 60 * MIB  # the answers of `serve` have 200 MB


def test_a_client_that_does_not_read_holds_its_lines_back(front: Front, one: Batch) -> None:
    count, size = 200, 1_000_000
    done = front.outcomes("ok")
    before = front.resident()
    sending = one.send_all(b'{"function":"big","args":[%d]}\n' % size for _ in range(count))
    counts = [done]

    def settled() -> bool:
        """Whether nothing more has been run for a while."""
        counts.append(front.outcomes("ok"))
        return len(counts) > 40 and counts[-40] == counts[-1] > done

    until(settled, 20)
    assert counts[-1] - done < 60
    assert front.resident() - before < 100 * MIB
    assert len(one.all()) == count
    assert one.whole
    sending.join()


def test_a_client_that_leaves_stops_what_has_not_started(front: Front) -> None:
    with batch(front.port) as one:
        one.send(line("1"), *(line("new Promise((ok) => setTimeout(ok, 200, 1))") for _ in range(500)))
        assert next(one.answers())["index"] == 0
        gone = front.outcomes("abandoned")
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(front.quiet, 5)
    assert front.outcomes("abandoned") > gone


def test_a_client_that_half_closes_gets_all_answers(one: Batch) -> None:
    one.send(*(line(f"{number}") for number in range(100)))
    one.end()
    one.socket.shutdown(socket.SHUT_WR)
    assert {answer["result"] for answer in one.all().values()} == set(range(100))
    assert one.whole


def test_a_body_that_breaks_off_is_told_and_the_answer_ends_unfinished(one: Batch) -> None:
    one.send(line("1"), line(SLOW), b'{"code": "nev')
    answers = one.answers()
    assert next(answers)["result"] == 1
    one.socket.shutdown(socket.SHUT_WR)
    assert next(answers)["result"] == "slow"
    last = next(answers)
    assert (last["index"], last["name"]) == (2, "invalid_request")
    assert (list(answers), one.whole) == ([], False)


def test_a_client_without_chunks_reads_to_the_end(front: Front) -> None:
    body = line("1") + line("2")
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        head = b"POST /v1/batch HTTP/1.0\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    start, _, lines = answer.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in start
    assert sorted(json.loads(one)["result"] for one in lines.splitlines()) == [1, 2]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Content-Type": "application/json"}, 415, id="JSON"),
        pytest.param({"Content-Type": "text/plain"}, 415, id="what a web page may send"),
        pytest.param({}, 415, id="no type"),
        pytest.param({"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}, 415, id="compressed"),
        pytest.param({"Content-Type": "application/x-ndjson", "Origin": "http://evil.example"}, 403, id="a web page"),
        pytest.param({"Content-Type": "application/x-ndjson", "Tyrex-Timeout-Ms": "soon"}, 400, id="a timeout"),
    ],
)
def test_a_batch_that_is_refused_as_a_whole(front: Front, headers: dict[str, str], status: int) -> None:
    done = front.outcomes("ok")
    answer = httpx.post(f"{front.running.url}/v1/batch", content=line("1"), headers=headers, trust_env=False)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert front.outcomes("ok") == done


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("HEAD", 405), ("PUT", 405), ("OPTIONS", 405)])
def test_other_methods(front: Front, method: str, status: int) -> None:
    answer = httpx.request(method, f"{front.running.url}/v1/batch", trust_env=False)
    assert (answer.status_code, answer.headers["allow"]) == (status, "POST")


def test_a_line_counts_as_an_eval(front: Front) -> None:
    with batch(front.port, b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") as one:
        ok, errors = front.outcomes("ok"), front.outcomes("execution_error")
        one.send(line("1"), line("throw 1", key="k"), b"nonsense\n", b'{"function": "add", "args": [1, 2]}\n')
        one.end()
        answers = one.all()
    assert (front.outcomes("ok") - ok, front.outcomes("execution_error") - errors) == (2, 1)
    ids = {answers[index]["eval"] for index in (0, 1, 3)}

    def logged() -> list[dict[str, Any]]:
        lines = (json.loads(text) for text in front.log.read_text().splitlines() if text.endswith("}"))
        return [entry for entry in lines if entry.get("eval") in ids and "outcome" in entry]

    until(lambda: len(logged()) == 3)
    paths = sorted(entry["message"].split()[1] for entry in logged())
    assert paths == ["/v1/call", "/v1/eval", "/v1/eval"]
    assert {entry["trace_id"] for entry in logged()} == {"0af7651916cd43dd8448eb211c80319c"}


def test_a_server_that_ends_answers_what_it_began_and_says_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "hop.yaml").write_text(MANIFEST)
    with (
        command("serve", str(tmp_path / "hop.yaml"), *PORTS) as running,
        batch(urlsplit(running.url).port or 0) as endless,
        batch(urlsplit(running.url).port or 0) as short,
    ):
        short.send(*(line(SLOW) for _ in range(8)))
        short.end()
        endless.send(*(line("new Promise((ok) => setTimeout(ok, 50, 1))") for _ in range(1000)))
        answers = endless.answers()
        rest = [next(answers)]
        began = monotonic()
        running.process.send_signal(signal.SIGTERM)
        rest += answers
        assert monotonic() - began < 15
        last = rest.pop()
        assert (last["name"], last["retryable"]) == ("no_runtime", True)
        assert {answer["index"] for answer in rest} == set(range(last["index"]))
        assert {answer["result"] for answer in rest} == {1}
        assert not endless.whole
        assert len(short.all()) == 8
        assert short.whole
        assert running.process.wait(15) == 0


def test_chunks_need_not_be_lines(one: Batch) -> None:
    data = line("1") + line("2") + line("3")
    for at in range(0, len(data), 7):
        one.raw(chunk(data[at : at + 7]))
    one.end()
    assert sorted(answer["result"] for answer in one.all().values()) == [1, 2, 3]
