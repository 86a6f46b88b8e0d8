"""What a listener refuses for the head of a request: web pages of other sites, wrong hosts, and unknown bodies."""

import json

import pytest

from tests.local.running import RunningPool
from tests.local.wire import asked, head, posted, wire

SPEC = {"size": 1}
JSON = "Content-Type: application/json"
EVIL = "https://evil.example"


# Hosts

PORTS = [pytest.param(False, "/v1/pool", id="public"), pytest.param(True, "/healthz", id="admin")]
OURS = [
    "localhost", "localhost:8080", "LocalHost:1", "localhost.", "pool.localhost", "127.0.0.1", "127.0.0.1:9090",
    "127.1.2.3", "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "localhost:",
]  # fmt: skip
FOREIGN = [
    "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "0.0.0.0",
    "192.168.1.7", "[::]", "[fe80::1]", "[::ffff:10.0.0.1]", "127.0.0.1.nip.io", "2130706433", "pool", "10.0.0.1:80",
]  # fmt: skip
INVALID = [
    None, "", " ", "a b", "localhost, localhost", "localhost:port", "localhost:80:80", "http://localhost",
    "user@localhost", "localhost/", "[::1", "::1", "a\tb", "localhost\xe9", "localhost#", "localhost?x",
    "localhost:123456", "localhost,evil.example", "\\localhost", ":80",
]  # fmt: skip


@pytest.mark.parametrize(("admin", "path"), PORTS)
@pytest.mark.parametrize("host", OURS)
def test_a_host_of_loopback(pool: RunningPool, admin: bool, path: str, host: str) -> None:
    assert asked(pool, head("GET", path, host=host), admin).status == 200


@pytest.mark.parametrize(("admin", "path"), PORTS)
@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host(pool: RunningPool, admin: bool, path: str, host: str) -> None:
    answer = asked(pool, head("GET", path, host=host), admin)
    assert (answer.status, answer.name) == (421, "invalid_request")
    assert "--allowed-host" in json.loads(answer.body)["detail"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(("admin", "path"), PORTS)
@pytest.mark.parametrize("host", INVALID, ids=repr)
def test_a_host_that_is_none(pool: RunningPool, admin: bool, path: str, host: str | None) -> None:
    answer = asked(pool, head("GET", path, host=host), admin)
    assert (answer.status, answer.name) == (400, "invalid_request")
    assert "Host" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: localhost",),
        ("Host: evil.example",),
        ("host: localhost", "HOST: localhost"),
        ("X: 1", "hOsT: localhost:80"),
    ],
    ids=" ".join,
)
def test_more_than_one_host(pool: RunningPool, lines: tuple[str, ...]) -> None:
    assert asked(pool, head("GET", "/v1/pool", *lines)).status == 400


def test_HTTP_1_0_needs_no_host(pool: RunningPool) -> None:
    assert asked(pool, head("GET", "/v1/pool", host=None, version="1.0")).status == 200
    assert asked(pool, head("GET", "/v1/pool", host="evil.example", version="1.0")).status == 421


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_another_version(pool: RunningPool, version: str) -> None:
    assert asked(pool, head("GET", "/v1/pool", version=version)).status == 400


def test_a_refused_head_is_refused_each_time(pool: RunningPool) -> None:
    """What is remembered of heads that came before changes no verdict."""
    for _ in range(3):
        with wire(pool) as one:
            for _ in range(2):
                one.send(head("GET", "/v1/pool"))
                assert one.answer().status == 200
            one.send(head("GET", "/v1/pool", host="evil.example"))
            assert one.answer().status == 421
            assert one.at_end()


# Origins


@pytest.mark.parametrize(("admin", "path"), PORTS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([f"Origin: {EVIL}"], id="another site"),
        pytest.param(["Origin: null"], id="a sandbox"),
        pytest.param(["Origin: http://localhost:3000"], id="another port"),
        pytest.param(["Origin: http://127.0.0.1"], id="another name"),
        pytest.param(["Origin: http://localhost.evil.example"], id="a longer name"),
        pytest.param(["Origin: http://localhost", f"Origin: {EVIL}"], id="two"),
        pytest.param(["Origin: http://localhost@evil.example"], id="a user"),
        pytest.param(["Origin: localhost"], id="no scheme"),
        pytest.param(["Origin: "], id="empty"),
        pytest.param(["Origin: file://"], id="a file"),
        pytest.param(["Origin: chrome-extension://abcdefgh"], id="an extension"),
        pytest.param(["Sec-Fetch-Site: cross-site"], id="cross-site"),
        pytest.param(["Sec-Fetch-Site: Cross-Site"], id="in capitals"),
        pytest.param(["Origin: http://localhost", "Sec-Fetch-Site: cross-site"], id="both"),
    ],
)
def test_a_foreign_page(pool: RunningPool, admin: bool, path: str, headers: list[str]) -> None:
    answer = asked(pool, head("GET", path, *headers), admin)
    assert (answer.status, answer.name) == (403, "forbidden")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        pytest.param("localhost:8080", ["Origin: http://localhost:8080"], id="its own"),
        pytest.param("localhost", ["Origin: http://localhost", "Sec-Fetch-Site: same-origin"], id="same-origin"),
        pytest.param("localhost", ["Origin: https://LOCALHOST"], id="behind TLS"),
        pytest.param("localhost", ["Sec-Fetch-Site: none"], id="the address bar"),
        pytest.param("localhost", ["Sec-Fetch-Site: same-site"], id="same-site"),
    ],
)
def test_our_own_page(pool: RunningPool, host: str, headers: list[str]) -> None:
    assert asked(pool, posted("/v1/eval", b'{"code": "7"}', JSON, *headers, host=host)).result == 7


@pytest.mark.parametrize("path", ["/v1/eval", "/v1/call", "/v1/pool", "*", "/nowhere"])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost"])
def test_a_preflight(pool: RunningPool, path: str, origin: str) -> None:
    asks = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
    answer = asked(pool, head("OPTIONS", path, f"Origin: {origin}", *asks))
    assert answer.status in ((404, 405) if origin == "http://localhost" else (403,))
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        pytest.param("/v1/call", "Content-Type: text/plain", b'{"function": "eval", "args": ["ran = 1"]}', id="text"),
        pytest.param("/v1/eval", None, b'{"code": "ran = 1"}', id="a Blob without a type"),
        pytest.param("/v1/eval", "Content-Type: text/plain;charset=UTF-8", b'{"code": "ran = 1"}', id="a string"),
    ],
)
def test_what_a_web_page_can_send_does_not_run(pool: RunningPool, path: str, kind: str | None, body: bytes) -> None:
    """Without its Origin as well, since an old browser sends none."""
    kinds = [kind] if kind else []
    assert asked(pool, posted(path, body, *kinds, f"Origin: {EVIL}")).status == 403
    assert asked(pool, posted(path, body, *kinds)).status == 415
    assert pool.eval("typeof ran") == "undefined"


# Bodies

EVAL = b'{"code": "7"}'
CALL = b'{"function": "Math.max", "args": [7]}'
KINDS = [
    "text/plain", "text/html", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "json", "",
    "application/octet-stream", "application/jsonp", "text/plain; application/json", "application", "*/*",
    "application/xml",
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), [("/v1/eval", EVAL), ("/v1/call", CALL)])
@pytest.mark.parametrize("kind", [*KINDS, None], ids=repr)
def test_an_unknown_content_type(pool: RunningPool, path: str, body: bytes, kind: str | None) -> None:
    with wire(pool) as one:
        kinds = [] if kind is None else [f"Content-Type: {kind}"]
        one.send(posted(path, body, *kinds) + posted("/v1/eval", EVAL, JSON))
        answer = one.answer()
        assert (answer.status, answer.name) == (415, "invalid_request")
        assert "application/json" in json.loads(answer.body)["detail"]
        assert one.answer().result == 7, "the connection goes on"


@pytest.mark.parametrize("kind", ["text/javascript", "application/typescript", "text/x-javascript"])
def test_code_is_no_call(pool: RunningPool, kind: str) -> None:
    assert asked(pool, posted("/v1/call", CALL, f"Content-Type: {kind}")).status == 415


def test_two_content_types(pool: RunningPool) -> None:
    assert asked(pool, posted("/v1/call", CALL, "Content-Type: text/plain", JSON)).status == 415


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/v1/eval", EVAL, "application/json"),
        ("/v1/eval", EVAL, "application/json; charset=utf-8"),
        ("/v1/eval", EVAL, "Application/JSON ;charset=UTF-8"),
        ("/v1/eval", b"7", "text/javascript"),
        ("/v1/eval", b"7", "text/javascript;charset=utf-8"),
        ("/v1/eval", b"7 as number", "application/typescript"),
        ("/v1/call", CALL, "application/json"),
        ("/v1/call", CALL, "application/json;charset=utf-8"),
        ("/v1/call", CALL, "APPLICATION/JSON"),
    ],
)
def test_a_content_type_of_ours(pool: RunningPool, path: str, body: bytes, kind: str) -> None:
    assert asked(pool, posted(path, body, f"Content-Type: {kind}")).result == 7


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x"])
def test_a_body_that_is_encoded(pool: RunningPool, encoding: str) -> None:
    answer = asked(pool, posted("/v1/eval", b"\x1f\x8b\x08\0", JSON, f"Content-Encoding: {encoding}"))
    assert (answer.status, answer.name) == (415, "invalid_request")
    assert "Content-Encoding" in json.loads(answer.body)["detail"]


def test_a_body_that_is_not_encoded(pool: RunningPool) -> None:
    assert asked(pool, posted("/v1/eval", EVAL, JSON, "Content-Encoding: identity")).result == 7


@pytest.mark.parametrize(
    ("transfer", "statuses"),
    [
        pytest.param("gzip, chunked", {501}, id="gzip and chunked"),
        pytest.param("gzip", {501}, id="gzip"),
        pytest.param("identity", {501}, id="identity"),
        pytest.param("xchunked", {501}, id="another word"),
        pytest.param("chunked;q=1", {501}, id="a parameter"),
        pytest.param("deflate,chunked", {501}, id="deflate and chunked"),
        pytest.param('"chunked"', {501}, id="in quotes"),
        pytest.param("chunked, gzip", {400, 501}, id="chunked is not the last"),
        pytest.param("chunked, chunked", {400, 501}, id="chunked twice"),
        pytest.param("chunked\r\nTransfer-Encoding: gzip", {400, 501}, id="two lines"),
        pytest.param("gzip\r\nTransfer-Encoding: chunked", {400, 501}, id="two lines, chunked is the last"),
        pytest.param("", {400, 501}, id="none"),
    ],
)
def test_another_transfer_encoding(pool: RunningPool, transfer: str, statuses: set[int]) -> None:
    with wire(pool) as one:
        one.send(head("POST", "/v1/eval", JSON, f"Transfer-Encoding: {transfer}") + b"0\r\n\r\n")
        answer = one.answer()
        assert answer.status in statuses
        assert (answer.name, answer.headers["connection"]) == ("invalid_request", "close")
        assert one.at_end()


@pytest.mark.parametrize("transfer", ["chunked", "Chunked", " chunked ", "CHUNKED"])
def test_chunks(pool: RunningPool, transfer: str) -> None:
    data = head("POST", "/v1/eval", JSON, f"Transfer-Encoding: {transfer}") + b"d\r\n%b\r\n0\r\n\r\n" % EVAL
    assert asked(pool, data).result == 7


def test_chunks_in_HTTP_1_0(pool: RunningPool) -> None:
    data = head("POST", "/v1/eval", JSON, "Transfer-Encoding: chunked", version="1.0")
    assert asked(pool, data + b"0\r\n\r\n").status == 400
