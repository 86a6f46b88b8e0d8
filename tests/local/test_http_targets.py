"""The target of a request, HEAD, and the date of an answer."""

import re

import pytest

from tests.local.running import RunningPool
from tests.local.wire import asked, head, posted, wire

SPEC = {"size": 1}
JSON = "Content-Type: application/json"
EVAL = b'{"code": "7"}'


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost/v1/pool", 200),
        ("http://localhost:8080/v1/pool?x=1", 200),
        ("HTTP://127.0.0.1/v1/pool", 200),
        ("https://localhost/v1/pool", 200),
        ("/v1/p%6fol", 200),
        ("/v1/p%6Fol", 200),
        ("/%76%31/%70%6f%6f%6c", 200),
        ("http://localhost/v1/p%6fol", 200),
        ("/v1/pool?x=%zz", 200),
        ("http://localhost", 404),
        ("http://localhost?x", 404),
        ("/v1%2Fpool", 404),
        ("/v1/pool%00", 404),
        ("/v1/pool%", 404),
        ("/v1/pool%3F", 404),
        ("/v1/%zzpool", 404),
        ("//v1/pool", 404),
        ("/v1/../v1/pool", 404),
        ("/v1/p%256fol", 404),
        ("http://evil.example/v1/pool", 421),
        ("http://user@localhost/v1/pool", 400),
        ("http:///v1/pool", 400),
        ("ftp://localhost/v1/pool", 404),
    ],
)
def test_the_target(pool: RunningPool, target: str, status: int) -> None:
    assert asked(pool, head("GET", target)).status == status


def test_the_host_of_an_absolute_target_counts(pool: RunningPool) -> None:
    assert asked(pool, head("GET", "http://localhost/v1/pool", host="evil.example")).status == 200
    assert asked(pool, head("GET", "http://localhost/v1/pool", host=None)).status == 400


def test_an_eval_by_an_escaped_and_by_an_absolute_path(pool: RunningPool) -> None:
    assert asked(pool, posted("/v1/ev%61l", EVAL, JSON)).result == 7
    assert asked(pool, posted("http://localhost/v1/eval", EVAL, JSON)).result == 7


@pytest.mark.parametrize(
    ("admin", "path", "status"),
    [
        (True, "/healthz", 200),
        (True, "/readyz", 200),
        (True, "/metrics", 200),
        (True, "/nowhere", 404),
        (False, "/v1/pool", 200),
        (False, "/v1/explain?key=a", 200),
        (False, "/v1/eval", 405),
        (False, "/v1/call", 405),
        (False, "/nowhere", 404),
        (False, "http://localhost/v1/pool", 200),
    ],
)
def test_HEAD(pool: RunningPool, admin: bool, path: str, status: int) -> None:
    with wire(pool, pool.admin_port if admin else None) as one:
        one.send(head("HEAD", path))
        found = one.answer(to_head=True)
        one.send(head("GET", path))
        got = one.answer()
        assert found.status == status
        assert int(found.headers["content-length"]) > 0
        if status == 200:
            assert got.status == 200
            assert found.headers["content-type"] == got.headers["content-type"]


def test_HEAD_of_what_is_refused_has_no_body(pool: RunningPool) -> None:
    with wire(pool) as one:
        one.send(head("HEAD", "/v1/pool", host="evil.example"))
        assert one.answer(to_head=True).status == 421
        assert one.at_end()


DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(posted("/v1/eval", EVAL, JSON), id="a result"),
        pytest.param(posted("/v1/eval", b'{"code": "throw 1"}', JSON), id="an error"),
        pytest.param(posted("/v1/eval", b"{", JSON), id="an invalid request"),
        pytest.param(head("GET", "/v1/pool"), id="the pool"),
        pytest.param(head("GET", "/nowhere"), id="nothing"),
        pytest.param(head("GET", "/v1/pool", host="evil.example"), id="a foreign host"),
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param(posted("/v1/eval", b'{"code": "\'x\'.repeat(70000)"}', JSON), id="a large result"),
    ],
)
def test_every_answer_has_a_date(pool: RunningPool, data: bytes) -> None:
    for _ in range(2):
        assert re.fullmatch(DATE, asked(pool, data).headers["date"])
