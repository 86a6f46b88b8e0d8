"""Requests that are understood, on a real loopback server with routes of its own; no pool is behind it."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.server.listening import (
    CHUNKED,
    HEAD,
    LIMIT,
    TRAILED,
    Answer,
    Client,
    Server,
    get,
    post,
)
from tyrex_pool.server.http.intake import PIPELINED
from tyrex_pool.server.http.listener import Listener

UNDERSTOOD = [
    pytest.param(get("/echo"), b"GET|/echo|||-|-|", id="GET"),
    pytest.param(get("/echo?a=b%20c?d"), b"GET|/echo|a=b%20c?d||-|-|", id="query"),
    pytest.param(post("/echo", b"abc"), b"POST|/echo|||-|-|abc", id="body"),
    pytest.param(post("/echo", b"\0\r\n\r\n\xff"), b"POST|/echo|||-|-|\0\r\n\r\n\xff", id="bytes"),
    pytest.param(CHUNKED, b"POST|/echo|||-|-|abcde", id="chunks"),
    pytest.param(TRAILED, b"POST|/echo|||-|-|abcde", id="trailers, which say nothing"),
    pytest.param(
        TRAILED.replace(b"\r\n", b"\r\nTyrex-Key: mine\r\n", 1),
        b"POST|/echo|||mine|-|abcde",
        id="trailers, which change nothing",
    ),
    pytest.param(
        post("/echo", b"x", "CONTENT-type: text/javascript", "tyrex-KEY: a b", "Tyrex-Timeout-Ms: 50"),
        b"POST|/echo||text/javascript|a b|50|x",
        id="headers of any case",
    ),
    pytest.param(post("/echo", b"x" * LIMIT), b"POST|/echo|||-|-|" + b"x" * LIMIT, id="just at the limit"),
    pytest.param(get("/echo", "X: " + "y" * 60_000), b"GET|/echo|||-|-|", id="long header"),
]


@pytest.mark.parametrize(("request_bytes", "body"), UNDERSTOOD)
async def test_whole(client: Client, request_bytes: bytes, body: bytes) -> None:
    client.send(request_bytes)
    assert await client.answer() == (200, body)


@pytest.mark.parametrize(("request_bytes", "body"), UNDERSTOOD[:-2])
async def test_byte_by_byte(client: Client, request_bytes: bytes, body: bytes) -> None:
    for byte in request_bytes:
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert await client.answer() == (200, body)


@pytest.mark.parametrize("path", ["/echo", "/soon"])
async def test_pipelined(client: Client, path: str) -> None:
    count = PIPELINED * 5
    client.send(b"".join(post(path, b"%d" % number) for number in range(count)))
    bodies = [(await client.answer())[1].rpartition(b"|")[2] for _ in range(count)]
    assert bodies == [b"%d" % number for number in range(count)]


async def test_pipelined_behind_one_that_takes_its_time(client: Client, server: Server) -> None:
    client.send(post("/later", b"first") + post("/echo", b"second") + post("/later", b"third"))
    first = await server.later.get()
    assert server.later.empty(), "one at a time"
    first.connection.respond(HEAD, first.request.body)
    assert await client.answer() == (200, b"first")
    assert await client.answer() == (200, b"POST|/echo|||-|-|second")
    third = await server.later.get()
    third.connection.respond(HEAD, third.request.body)
    assert await client.answer() == (200, b"third")


async def test_a_tail_waits_for_its_rest(client: Client) -> None:
    second = post("/echo", b"second")
    client.send(post("/echo", b"first") + second[:-3])
    assert (await client.answer())[1].endswith(b"first")
    client.send(second[-3:])
    assert (await client.answer())[1].endswith(b"second")


STREAM = post("/soon", b"one") + CHUNKED + get("/echo?q") + post("/error") + post("/echo", b"\xff" * 300)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, len(STREAM) - 1), max_size=20).map(sorted))
def test_split_anywhere(cuts: list[int]) -> None:
    async def ask() -> list[Answer]:
        server = Server()
        listener = await Listener.open(server.routes, LIMIT, "127.0.0.1", 0)
        client = Client(*await asyncio.open_connection("127.0.0.1", listener.port))
        for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
            client.send(STREAM[start:end])
            await asyncio.sleep(0)
        answers = [await client.answer() for _ in range(5)]
        client.writer.close()
        await listener.close()
        return answers

    answers = asyncio.run(ask())
    assert [status for status, _ in answers] == [200, 200, 200, 405, 200]
    assert [answers[index][1].rpartition(b"|")[2] for index in (0, 1, 4)] == [b"one", b"abcde", b"\xff" * 300]


@pytest.mark.parametrize(
    ("request_bytes", "status", "said"),
    [
        pytest.param(get("/nowhere"), 404, b'"not_found"', id="no such path"),
        pytest.param(get("/later"), 405, b"use POST", id="no such method"),
        pytest.param(get("/error"), 503, b'"no_runtime"', id="a handler that raises"),
        pytest.param(get("/mistake"), 500, b'"status":500', id="a handler with a mistake"),
        pytest.param(get("/error?caller"), 400, b'"invalid_request"', id="a handler that refuses"),
    ],
)
async def test_problems_keep_the_connection(client: Client, request_bytes: bytes, status: int, said: bytes) -> None:
    client.send(request_bytes + get("/echo"))
    got, body = await client.answer()
    assert (got, said in body) == (status, True), body
    assert (await client.answer())[0] == 200


async def test_what_a_problem_says_in_headers(client: Client) -> None:
    client.send(get("/later") + get("/error"))
    _, headers = await client.head()
    assert headers["allow"] == "post"
    await client.reader.readexactly(int(headers["content-length"]))
    status, headers = await client.head()
    assert (status, headers["retry-after"], headers["content-type"]) == (503, "1", "application/problem+json")


async def test_a_mistake_of_ours_is_a_problem_and_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.send(get("/mistake"))
    status, headers = await client.head()
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert "connection" not in headers
    told = json.loads(await client.reader.readexactly(int(headers["content-length"])))
    assert (told["fault"], told["retryable"]) == ("platform", False)
    assert "nobody thought of this" not in told["detail"], "callers need not know our inside"
    assert "nobody thought of this" in caplog.text
    client.send(get("/echo"))
    assert (await client.answer())[0] == 200
