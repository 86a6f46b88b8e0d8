"""The server at the level of bytes: requests in pieces, in rows, broken, slow, and clients that leave."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local.conftest import Start
from tests.local.running import RunningPool, result, until
from tests.local.wire import request, wire

SPEC = {"size": 2, "limits": {"request": "4Mi", "result": "16Mi"}}


def test_pipelined_requests_are_answered_in_order(pool: RunningPool) -> None:
    slow = "new Promise((ok) => setTimeout(ok, 100, 'slow'))"
    with wire(pool) as one:
        one.send(request(slow) + b"".join(request(str(number)) for number in range(50)) + request("throw 'last'"))
        assert one.answer().result == "slow"
        assert [one.answer().result for _ in range(50)] == list(range(50))
        assert one.answer().name == "execution_error"


def test_a_request_byte_by_byte(pool: RunningPool) -> None:
    with wire(pool) as one:
        for byte in request("'ü' + 1") + request("2"):
            one.send(bytes([byte]))
        assert [one.answer().result, one.answer().result] == ["ü1", 2]


def test_a_chunked_body_in_pieces(pool: RunningPool) -> None:
    head = request("", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    with wire(pool) as one:
        for piece in (head, b"2\r\n1 ", b"\r\n3\r\n+ 2", b"\r\n0\r\n", b"\r\n", request("4")):
            one.send(piece)
        assert [one.answer().result, one.answer().result] == [3, 4]


def test_a_connection_is_kept(pool: RunningPool) -> None:
    with wire(pool) as one:
        for number in range(3):
            one.send(request(str(number)))
            answer = one.answer()
            assert answer.result == number
            assert answer.headers.get("connection", "keep-alive") == "keep-alive"


@pytest.mark.parametrize(
    ("data", "closes"),
    [
        pytest.param(request("1", "Connection: close"), True, id="1.1 close"),
        pytest.param(request("1", version="1.0"), True, id="1.0"),
        pytest.param(request("1", "Connection: keep-alive", version="1.0"), False, id="1.0 keep-alive"),
    ],
)
def test_the_end_of_a_connection(pool: RunningPool, data: bytes, closes: bool) -> None:
    with wire(pool) as one:
        one.send(data)
        answer = one.answer()
        assert answer.result == 1
        if closes:
            assert answer.headers["connection"] == "close"
            assert one.at_end()
        else:
            one.send(request("2"))
            assert one.answer().result == 2


def test_expect_continue(pool: RunningPool) -> None:
    with wire(pool) as one:
        head, _, body = request("1 + 2", "Expect: 100-continue").partition(b"\r\n\r\n")
        one.send(head + b"\r\n\r\n")
        assert one.answer().status == 100
        one.send(body)
        assert one.answer().result == 3


def test_expect_continue_of_a_body_over_the_limit(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(request("x", "Expect: 100-continue").replace(b"Length: 1", b"Length: 99999999")[:-1])
        assert one.answer().status == 413


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"POST /v1/eval\r\n\r\n", id="no version"),
        pytest.param(b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n", id="a header without a colon"),
        pytest.param(
            b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", id="a length that is no number"
        ),
        pytest.param(
            b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", id="a negative length"
        ),
        pytest.param(
            b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1",
            id="two lengths",
        ),
        pytest.param(
            request("", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
            id="a length and chunks",
        ),
        pytest.param(
            b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", id="a broken chunk"
        ),
        pytest.param(b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nA: b\x00c\r\n\r\n", id="a zero in a header"),
        pytest.param(
            b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999999999999\r\n\r\n",
            id="a huge length",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", id="an upgrade"
        ),
        pytest.param(b"CONNECT pool:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", id="a tunnel"),
    ],
)
def test_what_is_not_a_request(pool: RunningPool, data: bytes) -> None:
    with wire(pool) as one:
        one.send(data)
        answer = one.answer()
        assert answer.status in (400, 404, 405, 413)
        if answer.status == 400:
            assert answer.name == "invalid_request"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["connection"] == "close"
    assert pool.eval("1 + 2") == 3


def test_a_broken_request_behind_good_ones(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(request("new Promise((ok) => setTimeout(ok, 50, 1))") + request("2") + b"nonsense\r\n\r\n")
        assert one.answer().result == 1
        assert one.answer().result == 2


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        pytest.param("GET", "/", 404, None, id="the root"),
        pytest.param("POST", "/v1/evaluate", 404, None, id="an unknown path"),
        pytest.param("POST", "/v1/eval/", 404, None, id="a slash too much"),
        pytest.param("POST", "/V1/EVAL", 404, None, id="capitals"),
        pytest.param("GET", "/metrics", 404, None, id="the admin's path"),
        pytest.param("GET", "/v1/eval", 405, "POST", id="GET eval"),
        pytest.param("PUT", "/v1/call", 405, "POST", id="PUT call"),
        pytest.param("OPTIONS", "/v1/eval", 405, "POST", id="OPTIONS eval"),
        pytest.param("POST", "/v1/pool", 405, "GET, HEAD", id="POST pool"),
        pytest.param("DELETE", "/v1/explain", 405, "GET, HEAD", id="DELETE explain"),
    ],
)
def test_a_wrong_path_or_method(pool: RunningPool, method: str, path: str, status: int, allow: str | None) -> None:
    answer = pool.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers.get("allow") == allow
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_query_does_not_change_the_path(pool: RunningPool) -> None:
    assert result(pool.http.post("/v1/eval?x=1", json={"code": "1 + 2"})) == 3


def test_headers_that_are_too_large(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\n" + b"A: " + b"b" * 200_000 + b"\r\n\r\n")
        assert one.answer().status == 431
        assert one.at_end()


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("1" + "0" * 400, id="400 digits"),
        pytest.param("1" + "0" * 5000, id="5,000 digits"),
        pytest.param("1e400", id="infinite"),
        pytest.param("9223372036854775808", id="64 bits"),
    ],
)
def test_a_timeout_out_of_range_keeps_the_connection(pool: RunningPool, number: str) -> None:
    body = f'{{"code": "1", "timeoutMs": {number}}}'
    kind = "Content-Type: application/json"
    head = f"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with wire(pool) as one:
        one.send((head + body).encode() + request("1 + 2"))
        refused = one.answer()
        assert (refused.status, refused.name) == (400, "invalid_request")
        assert one.answer().result == 3


def test_large_requests_in_a_row_are_all_answered(pool: RunningPool) -> None:
    """While the first runs, the rest need not fit into our memory, nor is it forgotten."""
    slow = "new Promise((ok) => setTimeout(ok, 50, 'slow'))"
    large = "/*" + "x" * 900_000 + "*/ "
    with wire(pool) as one, ThreadPoolExecutor(1) as threads:
        sending = threads.submit(one.send, request(slow) + b"".join(request(f"{large}{n}") for n in range(16)))
        assert one.answer().result == "slow"
        assert [one.answer().result for _ in range(16)] == list(range(16))
        sending.result()


def test_a_body_over_the_limit_is_answered_before_it_is_sent(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(b"POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
        answer = one.answer()
        assert (answer.status, answer.name) == (413, "payload_too_large")
        assert answer.headers["connection"] == "close"
        assert one.at_end()


def test_a_client_that_leaves_while_it_waits(start: Start) -> None:
    pool = start(size=1)
    for _ in range(100):
        pool.eval("0")
    running = pool.later("new Promise((ok) => setTimeout(ok, 300, 'done'))")
    pool.wait_busy()
    with wire(pool) as one:
        one.send(request("globalThis.ran = true"))
        pool.wait_busy(queued=1)
    assert not running.done()
    assert result(running.result()) == "done"
    assert pool.eval("typeof ran") == "undefined"


def test_a_client_that_leaves_while_it_runs(start: Start) -> None:
    pool = start(size=1)
    epochs = pool.epochs()
    with wire(pool) as one:
        one.send(request("new Promise((ok) => setTimeout(() => { globalThis.ran = true; ok() }, 200))"))
        pool.wait_busy()
    assert pool.status()["inFlight"] == 1
    assert pool.eval("ran") is True
    assert pool.epochs() == epochs


def test_a_client_that_leaves_with_requests_in_the_pipeline(start: Start) -> None:
    pool = start(size=1)
    with wire(pool) as one:
        one.send(request("new Promise((ok) => setTimeout(ok, 200))") + request("globalThis.ran = true") * 10)
        pool.wait_busy()
    until(lambda: pool.status()["inFlight"] == 0)
    assert pool.eval("typeof ran") == "undefined"


def test_a_slow_reader_holds_up_nobody(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(request("'x'.repeat(8_000_000)") * 2)
        until(lambda: one.socket.recv(1, socket.MSG_PEEK))
        assert [pool.eval(f"{number}") for number in range(50)] == list(range(50))
        for _ in range(2):
            assert len(str(one.answer().result)) == 8_000_000


def test_a_slow_sender_holds_up_nobody(pool: RunningPool) -> None:
    with wire(pool) as one:
        data = request("1 + 2")
        one.send(data[:-3])
        assert [pool.eval(f"{number}") for number in range(50)] == list(range(50))
        one.send(data[-3:])
        assert one.answer().result == 3


def test_many_connections_at_once(start: Start) -> None:
    pool = start(size=2, queue={"length": 200})
    with ThreadPoolExecutor(200) as threads:

        def ask(number: int) -> object:
            with wire(pool) as one:
                one.send(request(f"{number} * 2"))
                first = one.answer().result
                one.send(request(f"{number} * 3", "Connection: close"))
                return first, one.answer().result, one.at_end()

        answers = list(threads.map(ask, range(200)))
    assert answers == [(number * 2, number * 3, True) for number in range(200)]


def test_the_time_of_an_eval_is_told(pool: RunningPool) -> None:
    answer = pool.post("new Promise((ok) => setTimeout(ok, 50))")
    timing = re.fullmatch(r"queue;dur=([\d.]+), eval;dur=([\d.]+), cpu;dur=[\d.]+", answer.headers["server-timing"])
    assert timing is not None
    assert 0 <= float(timing[1]) < 50 <= float(timing[2]) < 1000
