"""Bytes in, events out: each transcript is fed whole, byte by byte, and with another request behind it."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.server.listening import CHUNKED, TRAILED, get, post
from tyrex_pool.server.http.parser import (
    BETWEEN,
    BODY,
    ENDED,
    HEAD,
    BodyPart,
    EndOfBody,
    EndOfRequests,
    Event,
    ExpectsContinue,
    ParsedRequest,
    Refusal,
    RequestParser,
    StreamedHead,
)

LIMIT = 1000
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
CHUNKED_H2C = CHUNKED.replace(b"\r\n\r\n", ("\r\n" + "\r\n".join(H2C) + "\r\n\r\n").encode(), 1)
NEXT = get("/next")

Case = tuple[bytes, list[str]]
REQUESTS = [
    pytest.param(get("/a?b=c"), ["GET /a?b=c "], id="GET"),
    pytest.param(post("/a", b"abc"), ["POST /a abc"], id="a body"),
    pytest.param(post("/a", b"\r\n\r\nGET /b"), ["POST /a \r\n\r\nGET /b"], id="a body like a request"),
    pytest.param(CHUNKED, ["POST /echo abcde"], id="chunks"),
    pytest.param(TRAILED, ["POST /echo abcde"], id="trailers"),
    pytest.param(get("/a") + post("/b", b"x") + get("/c"), ["GET /a ", "POST /b x", "GET /c "], id="three"),
    pytest.param(post("/a", b"abc", "Expect: 100-continue"), ["continue", "POST /a abc"], id="expect"),
    pytest.param(get("/a", *H2C), ["GET /a "], id="h2c"),
    pytest.param(post("/a", b"abc", *H2C), ["POST /a abc"], id="h2c with a body"),
    pytest.param(CHUNKED_H2C, ["POST /echo abcde"], id="h2c with chunks"),
    pytest.param(
        post("/a", b"GET /b HTTP/1.1\r\n\r\n", *H2C), ["POST /a GET /b HTTP/1.1\r\n\r\n"], id="h2c, smuggling"
    ),
    pytest.param(get("/a") + post("/b", b"x", *H2C), ["GET /a ", "POST /b x"], id="h2c as the second"),
    pytest.param(get("/a", *H2C) * 3, ["GET /a "] * 3, id="h2c three times"),
    pytest.param(get("/a", "Connection: Upgrade", "Upgrade: websocket"), ["GET /a "], id="websocket"),
    pytest.param(
        post("/a", b"\r\nUpgrade: h2c" * 9), ["POST /a " + "\r\nUpgrade: h2c" * 9], id="a body that offers h2c"
    ),
]
REFUSED = [
    pytest.param(post("/a", b"x" * (LIMIT + 1)), ["413"], id="a body over the limit"),
    pytest.param(post("/a", b"x" * (LIMIT + 1), *H2C), ["413"], id="h2c with a body over the limit"),
    pytest.param(get("/a") + b"hello\r\n\r\n", ["GET /a ", "400"], id="no HTTP behind a request"),
    pytest.param(get("/" + "y" * 70_000), ["431"], id="a long path"),
    pytest.param(
        b"CONNECT pool:80 HTTP/1.1\r\nHost: pool:80\r\n\r\n" + NEXT, ["CONNECT pool:80 ", "end"], id="CONNECT"
    ),
    pytest.param(get("/a", "Connection: close") + NEXT, ["GET /a ", "400"], id="a request after the last"),
    pytest.param(
        get("/a", "Connection: Upgrade, close", "Upgrade: h2c") + NEXT, ["GET /a ", "400"], id="h2c, the last"
    ),
    pytest.param(
        post("/a", b"abc", "Connection: Upgrade, close", "Upgrade: h2c") + NEXT,
        ["POST /a abc", "400"],
        id="h2c with a body, the last",
    ),
]


def shown(event: Event) -> str:
    match event:
        case ParsedRequest(request):
            head = request.head
            query = b"?" + head.query if head.query else b""
            return (head.method + b" " + head.path + query + b" " + request.body).decode()
        case Refusal(start, _):
            return start.split()[1].decode()
        case ExpectsContinue():
            return "continue"
        case StreamedHead(request, expects):
            return f"{request.head.path.decode()} in parts{', if told to' if expects else ''}"
        case BodyPart(data):
            return data.decode()
        case EndOfBody():
            return "whole"
        case EndOfRequests():
            return "end"


def transcript(pieces: Iterable[bytes]) -> tuple[list[str], RequestParser]:
    parser = RequestParser(LIMIT, streamed=frozenset({(b"POST", b"/parts")}))
    return [shown(event) for piece in pieces for event in parser.feed(piece, 1.0)], parser


def single(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


@pytest.mark.parametrize(("data", "events"), REQUESTS)
def test_requests(data: bytes, events: list[str]) -> None:
    for pieces in ([data], single(data)):
        found, parser = transcript(pieces)
        assert found == events
        assert (parser.state, parser.reading) == (BETWEEN, False)


@pytest.mark.parametrize(("data", "events"), REQUESTS)
def test_requests_with_a_tail(data: bytes, events: list[str]) -> None:
    for pieces in ([data + NEXT], [data, NEXT], single(data + NEXT), [data + NEXT[:9], NEXT[9:]]):
        assert transcript(pieces)[0] == [*events, "GET /next "]


@pytest.mark.parametrize(("data", "events"), REFUSED)
def test_nothing_is_read_after_the_end(data: bytes, events: list[str]) -> None:
    for pieces in ([data, NEXT], [*single(data), NEXT]):
        found, parser = transcript(pieces)
        assert found == events
        assert (parser.state, parser.reading) == (ENDED, False)


@given(st.data())
def test_pieces_of_any_size(data: st.DataObject) -> None:
    cases = [cast("Case", parameters.values) for parameters in REQUESTS]
    chosen = data.draw(st.lists(st.sampled_from(cases), min_size=1, max_size=4))
    stream = b"".join(sent for sent, _ in chosen)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=8)))
    pieces = [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)])]
    assert transcript(pieces)[0] == [event for _, events in chosen for event in events]


@pytest.mark.parametrize(
    ("data", "state"),
    [
        pytest.param(b"", BETWEEN, id="nothing"),
        pytest.param(b"P", HEAD, id="a byte"),
        pytest.param(post("/a", b"abc")[:-4], HEAD, id="all of the head but its last byte"),
        pytest.param(post("/a", b"abc")[:-3], BODY, id="the head"),
        pytest.param(post("/a", b"abc", *H2C)[:-3], BODY, id="the head of an offer"),
        pytest.param(post("/a", b"abc")[:-1], BODY, id="all but the last byte"),
        pytest.param(CHUNKED[:-2], BODY, id="all chunks, and no end"),
        pytest.param(CHUNKED, BETWEEN, id="all"),
    ],
)
def test_state(data: bytes, state: object) -> None:
    parser = RequestParser(LIMIT)
    parser.feed(data, 7.0)
    assert parser.state is state
    assert parser.reading == (state in (HEAD, BODY))
    assert parser.begun_at == (7.0 if data else 0.0)


@pytest.mark.parametrize(
    ("data", "cacheable"),
    [
        pytest.param(get("/a"), True, id="GET"),
        pytest.param(post("/a", b"abc"), True, id="POST"),
        pytest.param(get("/a").replace(b"GET", b"HEAD"), False, id="HEAD"),
        pytest.param(get("/a", "Connection: close"), False, id="the last"),
        pytest.param(get("/a", *H2C), False, id="h2c"),
        pytest.param(post("/a", b"abc", "Expect: 100-continue"), False, id="expect"),
    ],
)
def test_cacheable(data: bytes, cacheable: bool) -> None:
    *_, event = RequestParser(LIMIT).feed(data, 1.0)
    assert isinstance(event, ParsedRequest)
    assert event.cacheable == cacheable


def test_a_limit_that_changes() -> None:
    parser = RequestParser(LIMIT)
    parser.limit = 2
    assert [shown(event) for event in parser.feed(post("/a", b"abc"), 1.0)] == ["413"]


def test_close_forgets_what_was_read() -> None:
    parser = RequestParser(LIMIT)
    parser.feed(post("/a", b"abc")[:-1], 1.0)
    parser.close()
    assert (parser.state, parser.reading, parser.feed(b"c", 2.0)) == (ENDED, False, [])
