"""Requests that are refused, and what becomes of those before them."""

import pytest

from tests.unit.server.listening import CHUNKED, HEAD, LIMIT, Client, Server, get, post

REFUSED = [
    pytest.param(post("/echo", b"x" * (LIMIT + 1)), 413, id="a body over the limit"),
    pytest.param(post("/echo").replace(b"Length: 0", b"Length: 99999999999"), 413, id="a length over the limit"),
    pytest.param(CHUNKED[:-5] + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", 413, id="chunks over the limit"),
    pytest.param(get("/echo", *(f"X-{number}: {'y' * 900}" for number in range(80))), 431, id="many headers"),
    pytest.param(get("/echo", "X: " + "y" * 70_000), 431, id="a long header"),
    pytest.param(get("/" + "y" * 70_000), 431, id="a long path"),
    pytest.param(get("/echo")[:-2] + b"X: " + b"y" * 400_000, 431, id="a header that does not end"),
    pytest.param(b"GET /" + b"y" * 400_000, 431, id="a path that does not end"),
    pytest.param(CHUNKED[:-2] + b"X: " + b"y" * 70_000 + b"\r\n\r\n", 431, id="a long trailer"),
    pytest.param(CHUNKED[:-2] + b"X: " + b"y" * 400_000, 431, id="a trailer that does not end"),
    pytest.param(CHUNKED[:-2] + (b"X: " + b"y" * 900 + b"\r\n") * 80 + b"\r\n", 431, id="many trailers"),
    pytest.param(b"hello\r\n\r\n", 400, id="no HTTP"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="TLS"),
    pytest.param(b"GET /echo HTTP/9.9\r\n\r\n", 400, id="an unknown version"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
    pytest.param(get("/echo", "bad header"), 400, id="a header without colon"),
    pytest.param(post("/echo").replace(b"Length: 0", b"Length: x"), 400, id="a length that is no number"),
    pytest.param(post("/echo", b"", "Content-Length: 5"), 400, id="two lengths"),
    pytest.param(post("/echo", b"", "Transfer-Encoding: chunked"), 400, id="a length and chunks"),
    pytest.param(CHUNKED.replace(b"3\r\n", b"z\r\n"), 400, id="a chunk without size"),
]


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED)
async def test_refused(client: Client, request_bytes: bytes, status: int) -> None:
    client.send(request_bytes)
    got, headers = await client.head()
    assert (got, headers["connection"], headers["content-type"]) == (status, "close", "application/problem+json")
    assert len(await client.closed()) == int(headers["content-length"]), "and then it closes"


@pytest.mark.parametrize(
    ("request_bytes", "tail"),
    [
        pytest.param(post("/later"), b"garbage\r\n\r\n", id="garbage"),
        pytest.param(post("/later"), post("/echo", b"x" * (LIMIT + 1)), id="one that is too large"),
        pytest.param(post("/later", b"", "Connection: close"), get("/echo"), id="one after the last"),
    ],
)
async def test_what_came_before_a_refused_request_is_answered(
    client: Client, server: Server, request_bytes: bytes, tail: bytes
) -> None:
    client.send(request_bytes + tail)
    first = await server.later.get()
    first.connection.respond(HEAD, b"first")
    assert await client.answer() == (200, b"first")
    await client.closed()


async def test_expect_continue(client: Client) -> None:
    request = post("/echo", b"abc", "Expect: 100-continue")
    client.send(request[:-3])
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    assert (await client.answer())[0] == 200


async def test_expect_continue_with_a_body_over_the_limit(client: Client) -> None:
    client.send(post("/echo", b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 5000"))
    assert (await client.answer())[0] == 413


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        pytest.param(get("/echo", "Connection: Upgrade", "Upgrade: websocket"), {200, 400}, id="an upgrade"),
        pytest.param(get("/echo", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"), {200, 400}, id="h2c"),
        pytest.param(post("/echo", b"abc", "Connection: Upgrade", "Upgrade: h2c"), {200, 400}, id="h2c with a body"),
        pytest.param(b"CONNECT pool:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 404, 405}, id="CONNECT"),
    ],
)
async def test_another_protocol_is_answered_once(client: Client, request_bytes: bytes, statuses: set[int]) -> None:
    client.send(request_bytes)
    assert (await client.answer())[0] in statuses
    client.writer.write_eof()
    assert await client.closed() == b""


async def test_another_limit_holds_for_the_connections_that_are_open_too(client: Client, server: Server) -> None:
    client.send(post("/echo", b"x" * LIMIT))
    assert (await client.answer())[0] == 200
    server.listener.limit_bodies(2 * LIMIT)
    client.send(post("/echo", b"x" * 2 * LIMIT))
    assert (await client.answer())[0] == 200
    server.listener.limit_bodies(1)
    client.send(post("/echo", b"xy"))
    assert (await client.answer())[0] == 413
