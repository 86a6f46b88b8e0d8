"""A stream begins as an HTTP connection, beside ordinary ones."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.server.agents import until
from tests.unit.server.listening import LIMIT as HTTP_LIMIT
from tests.unit.server.listening import Server, get, post
from tests.unit.server.streaming import EVAL, Driven, Proxy, connected, deliver, listening
from tyrex_pool.model.frames import ACCEPTED, handshake
from tyrex_pool.server.http.listener import Listener

JSON = "Content-Type: application/json"


@pytest.fixture
def driven() -> Driven:
    return Driven()


@pytest.fixture
async def listener(driven: Driven) -> AsyncIterator[Listener]:
    async with listening(driven) as listener:
        yield listener


async def test_ordinary_HTTP_is_served_too(driven: Driven, listener: Listener) -> None:
    async with connected(listener) as client:
        client.send(post("/v1/eval", EVAL, JSON))
        (ticket,) = await driven.tickets(1)
        deliver(ticket)
        assert await client.answer() == (200, b'{"result":3}')
        client.send(get("/internal/stream"))
        status, body = await client.answer()
        assert (status, b'"not_found"' in body) == (404, True)
        client.send(get("/v1/pool", "Connection: Upgrade", "Upgrade: tyrex-stream"))
        assert (await client.answer())[0] == 200
        await Proxy(client.reader, client.writer).begin()


async def test_a_stream_that_is_asked_for_behind_a_request_is_refused(driven: Driven, listener: Listener) -> None:
    """Nobody waits for nothing: both get an answer of HTTP, in order."""
    async with connected(listener) as client:
        client.send(post("/v1/eval", EVAL, JSON))
        (ticket,) = await driven.tickets(1)
        (connection,) = listener._peers
        connection.data_received(post("/v1/eval", EVAL, JSON))  # type: ignore[attr-defined]
        deliver(ticket)
        connection.data_received(handshake("localhost"))  # type: ignore[attr-defined]
        assert (await client.answer())[0] == 200
        (ticket,) = await driven.tickets(1)
        deliver(ticket)
        assert [(await client.answer())[0] for _ in range(2)] == [200, 404]


async def test_a_handshake_in_pieces_is_refused(listener: Listener) -> None:
    async with connected(listener) as client:
        asked = handshake("localhost")
        client.send(asked[:30])
        await until(lambda: len(listener) == 1 and next(iter(listener._peers))._parser.reading)  # type: ignore[attr-defined]
        client.send(asked[30:])
        assert (await client.answer())[0] == 404


async def test_a_listener_without_streams_ignores_the_offer() -> None:
    server = Server()
    listener = await Listener.open(server.routes, HTTP_LIMIT, "127.0.0.1", 0)
    async with connected(listener) as client:
        client.send(handshake("localhost"))
        status, body = await client.answer()
        assert (status, b'"not_found"' in body) == (404, True)
        client.send(get("/echo"))
        assert (await client.answer())[0] == 200
    await listener.close()


async def test_the_acceptance_is_all_that_is_said(listener: Listener) -> None:
    async with connected(listener) as client:
        client.send(handshake("localhost"))
        assert await client.reader.readexactly(len(ACCEPTED)) == ACCEPTED
        client.writer.write_eof()
        assert await client.closed() == b""
