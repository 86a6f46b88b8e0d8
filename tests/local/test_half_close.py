"""Clients that send no more: those that half-closed get their answers, and those that have left are noticed at once."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.local.commands import command
from tests.local.conftest import Start
from tests.local.running import RunningPool, result, until
from tests.local.serving import HELLO
from tests.local.wire import Wire, request, wire
from tests.unit.server.exposed import value

SPEC = {"size": 1, "limits": {"request": "4Mi", "result": "16Mi"}, "concurrency": 4}
SLOW = "new Promise((ok) => setTimeout(ok, 300, 'slow'))"
CHUNKS = request("", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"") + b"1\r\n7\r\n0\r\n\r\n"


@contextmanager
def half_closed(pool: RunningPool, data: bytes) -> Iterator[Wire]:
    with wire(pool) as one:
        one.send(data)
        one.socket.shutdown(socket.SHUT_WR)
        yield one


@pytest.mark.parametrize(
    ("data", "results"),
    [
        pytest.param(request("7"), [7], id="one"),
        pytest.param(request(SLOW), ["slow"], id="a slow one"),
        pytest.param(request("7", "Connection: close"), [7], id="close"),
        pytest.param(request("7", version="1.0"), [7], id="HTTP/1.0"),
        pytest.param(request("1") + request("2") + request("3"), [1, 2, 3], id="three"),
        pytest.param(request(SLOW) + request("2") + request(SLOW), ["slow", 2, "slow"], id="three, two of them slow"),
        pytest.param(b"".join(request(f"{n}") for n in range(50)), list(range(50)), id="fifty"),
        pytest.param(CHUNKS, [7], id="chunks"),
        pytest.param(request("'" + "x" * 1_000_000 + "'.length"), [1_000_000], id="a large request"),
        pytest.param(request("'x'.repeat(9000000)"), ["x" * 9_000_000], id="a large answer"),
        pytest.param(request("'x'.repeat(9000000)") + request("2"), ["x" * 9_000_000, 2], id="behind a large answer"),
    ],
)
def test_its_answers_come(pool: RunningPool, data: bytes, results: list[object]) -> None:
    with half_closed(pool, data) as one:
        assert [one.answer().result for _ in results] == results
        assert one.at_end()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(request("throw 1"), 422, id="an error"),
        pytest.param(b"GET /v1/pool HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, id="GET"),
        pytest.param(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="nothing there"),
        pytest.param(b"GET /v1/pool HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, id="a foreign host"),
        pytest.param(b"nonsense\r\n\r\n", 400, id="no HTTP"),
        pytest.param(request("x" * 5_000_000), 413, id="too large"),
        pytest.param(b"POST ", 400, id="a part"),
        pytest.param(request("123")[:-1], 400, id="all but a byte"),
        pytest.param(CHUNKS[:-2], 400, id="chunks without an end"),
    ],
)
def test_whatever_the_answer_is(pool: RunningPool, data: bytes, status: int) -> None:
    with half_closed(pool, data) as one:
        assert one.answer().status == status
        assert one.at_end()


def test_one_that_is_refused_behind_others(pool: RunningPool) -> None:
    with half_closed(pool, request(SLOW) + request("2") + b"nonsense\r\n\r\n") as one:
        assert [one.answer().result, one.answer().result, one.answer().status] == ["slow", 2, 400]
        assert one.at_end()


def test_one_that_waits_for_its_turn(start: Start) -> None:
    pool = start(size=1)
    running = pool.later(SLOW)
    pool.wait_busy()
    with half_closed(pool, request("globalThis.ran = 'waited'")) as one:
        pool.wait_busy(queued=1)
        assert one.answer().result == "waited"
    assert result(running.result()) == "slow"


def test_its_client_leaves_after_all(start: Start) -> None:
    """One that half-closed is as good as gone when it closes, and what has not started is dropped."""
    pool = start(size=1)
    running = pool.later("new Promise((ok) => setTimeout(ok, 1000))")
    pool.wait_busy()
    with half_closed(pool, request("globalThis.ran = true")):
        pool.wait_busy(queued=1)
    wait_gone(pool)
    assert not running.done()
    assert pool.eval("typeof ran") == "undefined"


def test_many_leave_at_once(start: Start) -> None:
    pool = start(size=1)
    running = pool.later("new Promise((ok) => setTimeout(ok, 1000))")
    pool.wait_busy()
    left = [socket.create_connection(("127.0.0.1", pool.port)) for _ in range(50)]
    for one in left:
        one.sendall(request("globalThis.ran = true") * 3)
    pool.wait_busy(queued=50)
    for one in left:
        one.close()
    wait_gone(pool)
    assert not running.done()
    assert pool.eval("typeof ran") == "undefined"


def wait_gone(pool: RunningPool) -> None:
    """Until the server has no connection but those of `pool.http`."""
    until(lambda: (value(pool.admin.get("/metrics").content, "tyrex_connections") or 0) <= 2)


@pytest.mark.parametrize("where", ["proxy", "socket"])
def test_behind_a_proxy_and_on_a_unix_socket(tmp_path: Path, where: str) -> None:
    manifest, path = tmp_path / "pool.yaml", str(tmp_path / "s")
    manifest.write_text(HELLO)
    ports = ("--port", "0", "--admin-port", "0")
    with command("serve", str(manifest), *ports, "--socket", path):
        if where == "socket":
            with socket.socket(socket.AF_UNIX) as bare:
                bare.connect(path)
                _ask(bare)
        else:
            with command("proxy", str(manifest), "--runtime", f"unix:{path}", *ports) as proxy:
                until(lambda: proxy.status()["ready"])
                with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port)) as bare:
                    _ask(bare)


def _ask(bare: socket.socket) -> None:
    bare.settimeout(10)
    bare.sendall(request(SLOW) + request("2"))
    bare.shutdown(socket.SHUT_WR)
    one = Wire(bare)
    assert [one.answer().result, one.answer().result] == ["slow", 2]
    assert one.at_end()
