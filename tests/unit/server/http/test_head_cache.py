"""Heads that came before: a request with such a head, and whatever follows it, is understood as if it were new.

The parser is the measure: what a connection does that remembers heads is compared with what one does that does not.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.server.listening import CHUNKED, LIMIT, TRAILED, Client, Server, Wire, get, post
from tyrex_pool.model.frames import handshake
from tyrex_pool.server.http import head_cache
from tyrex_pool.server.http.connection import Connection
from tyrex_pool.server.http.head_cache import END, HeadCache
from tyrex_pool.server.http.messages import Head, Request
from tyrex_pool.server.http.routes import Responder
from tyrex_pool.server.http.unread import Unread

KNOWN = [
    pytest.param(get("/echo"), id="GET"),
    pytest.param(get("/echo?a=b%20c?d"), id="a query"),
    pytest.param(post("/echo"), id="no body"),
    pytest.param(post("/echo", b"abc"), id="a body"),
    pytest.param(post("/echo", b"x\r\n\r\ny"), id="a body that looks like an end"),
    pytest.param(post("/echo", b"x" * LIMIT), id="just at the limit"),
    pytest.param(post("/echo", b"x", "Tyrex-Key: a", "tyrex-timeout-MS: 50"), id="headers"),
    pytest.param(post("/echo", b"x", "Connection: keep-alive"), id="keep-alive"),
    pytest.param(post("/soon", b"abc"), id="answered later"),
    pytest.param(post("/nowhere", b"abc"), id="nothing there"),
    pytest.param(get("/error?caller"), id="refused by its handler"),
]
PARSED = [
    pytest.param(CHUNKED, id="chunks"),
    pytest.param(TRAILED, id="trailers"),
    pytest.param(
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="no chunks"
    ),
    pytest.param(get("/echo").replace(b"GET", b"HEAD"), id="HEAD"),
    pytest.param(get("/echo").replace(b"GET", b"OPTIONS"), id="another method"),
    pytest.param(get("/echo").replace(b"/1.1", b"/1.0"), id="HTTP/1.0"),
    pytest.param(get("/echo", "Connection: close"), id="close"),
    pytest.param(get("/echo", "Connection: keep-alive, close"), id="close, among others"),
    pytest.param(post("/echo", b"abc", "Expect: 100-continue"), id="expect"),
    pytest.param(get("/echo", "Connection: Upgrade", "Upgrade: websocket"), id="an upgrade"),
    pytest.param(handshake("pool"), id="a stream, which is not there"),
    pytest.param(b"\r\n" + get("/echo"), id="an empty line before"),
    pytest.param(get("/echo") + b"\r\n\r\n", id="empty lines behind"),
    pytest.param(get("/echo", "X: " + "y" * 2048), id="a long head"),
    pytest.param(get("/echo", "traceparent:x"), id="a trace without a space"),
    pytest.param(get("/echo", "traceparent: x", "traceparent: y"), id="two traces"),
    pytest.param(get("/echo", "traceparent: x", "TraceParent:y"), id="two traces, the last without a space"),
    pytest.param(get("/echo", "X: the traceparent"), id="a header that tells of traces"),
    pytest.param(get("/echo") + get("/echo?2"), id="two"),
    pytest.param(get("/echo") + post("/echo", b"abc")[:-1], id="one and a part"),
    pytest.param(post("/echo", b"abc")[:-1], id="a part"),
]
BROKEN = [
    pytest.param(post("/echo", b"x" * (LIMIT + 1)), id="over the limit"),
    pytest.param(get("/echo").replace(b"\r\n", b"\n"), id="line feeds"),
    pytest.param(post("/echo", b"\r\n\r\nab").replace(b"6\r\n\r\n", b"6\n\n", 1) + END, id="a head that ends early"),
    pytest.param(get("/echo").replace(b"\r\n", b"\r"), id="carriage returns"),
    pytest.param(get("/echo", "X: a\r\n b"), id="a folded header"),
    pytest.param(get("/echo", "X : a"), id="a space before the colon"),
    pytest.param(post("/echo", b"", "Content-Length: 3"), id="two lengths"),
    pytest.param(post("/echo", b"abc", "Transfer-Encoding: chunked"), id="a length and chunks"),
    pytest.param(post("/echo", b"abc").replace(b"3", b"+3"), id="a length with a sign"),
    pytest.param(b"\r\n\r\n\r\n", id="empty lines"),
    pytest.param(b"hello" + END, id="no HTTP"),
]
TRACES = [
    pytest.param("traceparent: x", b"x", id="a trace"),
    pytest.param("TraceParent: y", b"y", id="in other letters"),
    pytest.param("TRACEPARENT: Y", b"Y", id="in capitals"),
    pytest.param("traceparent:   z  ", b"z", id="with spaces around"),
    pytest.param("traceparent: " + "x" * 300, b"x" * 300, id="a long one"),
    pytest.param("traceparent: ", b"", id="an empty one"),
    pytest.param("traceparent: \x7f", None, id="one that is not valid"),
    pytest.param("traceparent: x\r\n y", None, id="a folded one"),
    pytest.param("traceparent : x", None, id="a space before the colon"),
    pytest.param("traceparent:x", b"x", id="no space"),
    pytest.param("X: y", b"", id="none"),
]
LINES = [cast("str", param.values[0]) for param in TRACES]
PIECES = [
    *(cast("bytes", param.values[0]) for param in (*KNOWN, *PARSED, *BROKEN)),
    *(get("/echo", line, "X: y") for line in LINES),
    *(post("/echo", b"a", *lines) for lines in pairwise(LINES)),
]


class Forgetful(HeadCache):
    """Knows none."""

    def learn(self, data: bytes, request: Request) -> None:
        pass


class Noting(Server):
    """Notes the trace of each request to `/echo`."""

    def __init__(self) -> None:
        super().__init__()
        self.traces: list[bytes] = []

    def echo(self, connection: Responder, request: Request) -> None:
        self.traces.append(request.trace)
        super().echo(connection, request)


class Told(NamedTuple):
    """What a connection answered, whether it closed then, and the traces that came."""

    written: bytes
    closed: bool
    traces: list[bytes]


def told(known: HeadCache, pieces: Sequence[bytes], limit: int = LIMIT) -> Told:
    """What comes of `pieces`, each of which a connection reads at once."""

    async def run() -> Told:
        loop, server = asyncio.get_running_loop(), Noting()
        connection, wire = Connection(server.routes, known, limit, set(), Unread(), loop), Wire()
        connection.connection_made(cast("asyncio.Transport", wire))
        for piece in pieces:
            if not wire.closed:
                connection.data_received(piece)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        connection.connection_lost(None)
        return Told(wire.written, wire.closed, server.traces)

    return asyncio.run(run())


def cut(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    ends = sorted(at % (len(data) + 1) for at in cuts)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True) if start != end]


def learned() -> HeadCache:
    """All that can be learned from all that is said here."""
    known = HeadCache()
    for piece in PIECES:
        told(known, [piece])
    return known


@pytest.mark.parametrize("request_bytes", KNOWN)
def test_what_is_learned(request_bytes: bytes) -> None:
    known = HeadCache()
    first = told(known, [request_bytes])
    assert list(known._known) == [request_bytes[: request_bytes.find(END) + 4]]
    assert told(known, [request_bytes] * 3) == told(Forgetful(), [request_bytes] * 3)
    assert told(known, [request_bytes]) == first


TRACED = [
    pytest.param("traceparent: %b", id="as it is written"),
    pytest.param("Traceparent: %b", id="as other clients write it"),
    pytest.param("TRACEPARENT: %b ", id="a space behind"),
]


@pytest.mark.parametrize("line", TRACED)
def test_requests_that_differ_in_their_trace_share_a_head(line: str) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def note(connection: Responder, request: Request) -> None:
        seen.append((request.trace, request.body))
        connection.respond(b"HTTP/1.1 200 OK\r\n", b"")

    async def run() -> None:
        loop, wire = asyncio.get_running_loop(), Wire()
        connection = Connection({b"/note": {b"POST": note}}, known, LIMIT, set(), Unread(), loop)
        connection.connection_made(cast("asyncio.Transport", wire))
        for trace in ("a", "b", "c"):
            connection.data_received(post("/note", b"abc", "X: 1", line.replace("%b", trace), "Y: 2"))
        connection.data_received(post("/note", b"abc", "X: 1", "Y: 2"))
        connection.connection_lost(None)

    known = HeadCache()
    asyncio.run(run())
    assert seen == [(b"a", b"abc"), (b"b", b"abc"), (b"c", b"abc"), (b"", b"abc")]
    assert list(known._known) == [post("/note", b"abc", "X: 1", "Y: 2")[: -len(b"abc")]]


@pytest.mark.parametrize("request_bytes", [*PARSED, *BROKEN])
def test_what_is_not_learned(request_bytes: bytes) -> None:
    known = HeadCache()
    told(known, [request_bytes] * 2)
    assert known._known == {}


@pytest.mark.parametrize(("line", "trace"), TRACES)
def test_the_trace_is_that_of_each_request(line: str, trace: bytes | None) -> None:
    known = HeadCache()
    for other in ("traceparent: other", line, "X: z", line):
        for headers in ((other, "X: y"), ("X: y", other)):
            request = post("/echo", b"abc", *headers)
            assert told(known, [request]) == told(Forgetful(), [request])
    assert told(known, [post("/echo", b"abc", line, "X: y")]).traces == ([] if trace is None else [trace])


@pytest.mark.parametrize(("before", "after"), [(LIMIT, 10), (10, LIMIT)])
def test_the_limit_is_that_of_the_moment(before: int, after: int) -> None:
    request, known = post("/echo", b"x" * 11), HeadCache()
    for limit in (before, after, before):
        assert told(known, [request] * 2, limit) == told(Forgetful(), [request] * 2, limit)


@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
    cuts=st.none() | st.lists(st.integers(0, 5000), max_size=6),
)
def test_it_makes_no_difference_what_came_before(pieces: list[bytes], cuts: list[int] | None) -> None:
    if cuts is not None:
        pieces = cut(b"".join(pieces), cuts)
    expected = told(Forgetful(), pieces)
    known = HeadCache()
    assert told(known, pieces) == expected, "while it learns"
    assert told(known, pieces) == expected, "when it has learned just that"
    assert told(ALL, pieces) == expected, "when it has learned everything"


STARTS = ("GET /echo HTTP/1.1", "POST /echo HTTP/1.1", "POST /soon HTTP/1.1", "POST /echo HTTP/1.0")
HEADERS = ("Content-Length: 0", "Content-Length: 3", "Connection: close", "Tyrex-Key: k", "Upgrade: h2c", "")


@given(
    requests=st.lists(
        st.tuples(
            st.sampled_from(STARTS),
            st.lists(st.sampled_from(HEADERS), max_size=3),
            st.sampled_from([b"", b"abc", b"abcd", END]),
            st.sampled_from([END, b"\n\n", b"\r\n\n"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_lengths_that_lie(requests: list[tuple[str, list[str], bytes, bytes]]) -> None:
    pieces = ["\r\n".join([start, *filter(None, lines)]).encode() + end + body for start, lines, body, end in requests]
    known = HeadCache()
    expected = told(Forgetful(), pieces)
    assert [told(known, pieces) for _ in range(2)] == [expected] * 2


def test_no_more_are_kept_than_fit() -> None:
    known = HeadCache()
    for number in range(head_cache._MAX_HEADS + 1):
        request = get(f"/{number}")
        head = Head()
        head.method, head.path = b"GET", b"/%d" % number
        known.learn(request, Request(head, b"", 0.0))
        assert known.get(request) is head
        assert len(known._known) <= head_cache._MAX_HEADS
    assert known.get(get("/0")) is None


async def test_heads_are_shared_by_all_connections_of_a_listener(server: Server) -> None:
    async def ask(body: bytes) -> bytes:
        client = Client(*await asyncio.open_connection("127.0.0.1", server.listener.port))
        client.send(post("/echo", body, "Tyrex-Key: k"))
        _, answer = await client.answer()
        client.writer.close()
        return answer

    assert [await ask(body) for body in (b"one", b"two")] == [b"POST|/echo|||k|-|one", b"POST|/echo|||k|-|two"]
    assert len(server.listener._heads._known) == 1


ALL = learned()
