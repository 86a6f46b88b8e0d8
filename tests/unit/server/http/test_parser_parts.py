"""Bodies that come in parts: the same events whatever the pieces are."""

from collections.abc import Iterable, Iterator

import pytest

from tests.unit.server.listening import get, post
from tyrex_pool.server.http.parser import (
    BETWEEN,
    ENDED,
    BodyPart,
    EndOfBody,
    ParsedRequest,
    Refusal,
    RequestParser,
    StreamedHead,
)

LIMIT = 10
STREAMED = frozenset({(b"POST", b"/parts")})
BODY = b"a" * 50
"""More than the limit, which does not hold here."""


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST /parts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + end


def transcript(pieces: Iterable[bytes]) -> tuple[list[str], RequestParser]:
    """The parts that follow one another are one."""
    parser = RequestParser(LIMIT, streamed=STREAMED)
    found: list[str] = []
    part = ""
    for piece in pieces:
        for event in parser.feed(piece, 1.0):
            if isinstance(event, BodyPart):
                part += event.data.decode()
                continue
            if part:
                found.append(part)
                part = ""
            if isinstance(event, StreamedHead):
                found.append(f"head {event.request.head.path.decode()}{' expects' if event.expects else ''}")
            elif isinstance(event, EndOfBody):
                found.append("whole")
            elif isinstance(event, Refusal):
                found.append(event.start.split()[1].decode())
            elif isinstance(event, ParsedRequest):
                found.append(event.request.head.path.decode())
    return [*found, part] if part else found, parser


def single(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


@pytest.mark.parametrize(
    ("data", "events"),
    [
        pytest.param(post("/parts", BODY), ["head /parts", BODY.decode(), "whole"], id="a length"),
        pytest.param(post("/parts"), ["head /parts", "whole"], id="empty"),
        pytest.param(chunked(b"abc", b"def"), ["head /parts", "abcdef", "whole"], id="chunks"),
        pytest.param(chunked(b"x" * 40), ["head /parts", "x" * 40, "whole"], id="a chunk over the limit"),
        pytest.param(
            chunked(b"abc", end=b"0\r\nTyrex-Key: stolen\r\n\r\n"), ["head /parts", "abc", "whole"], id="trailer"
        ),
        pytest.param(
            post("/parts", b"abc", "Expect: 100-continue"), ["head /parts expects", "abc", "whole"], id="expect"
        ),
        pytest.param(post("/parts", b"abc", *H2C), ["head /parts", "abc", "whole"], id="h2c"),
        pytest.param(post("/parts", b"abc") * 2, ["head /parts", "abc", "whole"] * 2, id="two"),
        pytest.param(get("/a") + post("/parts", b"abc"), ["/a", "head /parts", "abc", "whole"], id="behind another"),
        pytest.param(post("/parts?a=b", b"abc"), ["head /parts", "abc", "whole"], id="a query"),
        pytest.param(post("/p%61rts", b"abc"), ["head /parts", "abc", "whole"], id="an escape in the path"),
        pytest.param(get("/parts"), ["/parts"], id="another method"),
    ],
)
def test_events(data: bytes, events: list[str]) -> None:
    tail = get("/next")
    for pieces in ([data], single(data)):
        found, parser = transcript(pieces)
        assert (found, parser.state) == (events, BETWEEN)
    for pieces in ([data + tail], single(data + tail)):
        assert transcript(pieces)[0] == [*events, "/next"]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        pytest.param(chunked(b"abc", end=b"nonsense\r\n"), ["head /parts", "abc", "400"], id="a broken chunk"),
        pytest.param(post("/parts", b"", "Content-Encoding: gzip"), ["415"], id="compressed"),
        pytest.param(post("/parts", b"").replace(b"localhost", b"a,b"), ["400"], id="two hosts"),
    ],
)
def test_refusals(data: bytes, events: list[str]) -> None:
    for pieces in ([data], single(data)):
        found, parser = transcript(pieces)
        assert (found, parser.state) == (events, ENDED)


def test_parts_are_given_as_they_come_and_not_held() -> None:
    parser = RequestParser(LIMIT, streamed=STREAMED)
    parser.feed(b"POST /parts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", 1.0)
    for _ in range(10):
        assert parser.feed(b"x" * 1000, 1.0) == [BodyPart(b"x" * 1000)]
        assert parser.held == 0


def test_many_chunks_in_one_piece_are_one_part() -> None:
    parser = RequestParser(LIMIT, streamed=STREAMED)
    events = parser.feed(chunked(*[b"ab\n"] * 100), 1.0)
    assert [event for event in events if isinstance(event, BodyPart)] == [BodyPart(b"ab\n" * 100)]


@pytest.mark.parametrize(("version", "chunks"), [("1.1", True), ("1.0", False)])
def test_who_reads_chunks(version: str, chunks: bool) -> None:
    parser = RequestParser(LIMIT, streamed=STREAMED)
    head, *_ = parser.feed(post("/parts", b"").replace(b"HTTP/1.1", f"HTTP/{version}".encode()), 1.0)
    assert isinstance(head, StreamedHead)
    assert head.request.head.chunks is chunks
