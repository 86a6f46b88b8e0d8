"""Bodies that are being read: counted while they come, refused over the bound, forgotten with their clients."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.server.agents import until
from tests.unit.server.listening import CHUNKED, HEAD, LIMIT, Client, Server, get, post
from tyrex_pool.server.http.unfinished import Unfinished

SIZE = 900
"""Bytes of a body, all but one of which come at first."""


class Sender:
    """Notes that it was refused."""

    def __init__(self, unfinished: Unfinished) -> None:
        self.refused = False
        self._unfinished = unfinished

    def refuse_body(self) -> None:
        self.refused = True
        self._unfinished.hold(self, 0)


def test_the_one_that_has_taken_longest_is_refused() -> None:
    unfinished = Unfinished(100)
    first, second, third = senders = [Sender(unfinished) for _ in range(3)]
    unfinished.hold(first, 10)
    unfinished.hold(second, 80)
    unfinished.hold(first, 20)
    assert [sender.refused for sender in senders] == [False, False, False]
    unfinished.hold(third, 10)
    assert [sender.refused for sender in senders] == [True, False, False]
    unfinished.hold(third, 50)
    assert [sender.refused for sender in senders] == [True, True, False]
    assert (unfinished.held, unfinished.released, unfinished.refused) == (50, 100, 2)


def test_one_that_ended_and_began_again_is_the_last() -> None:
    unfinished = Unfinished(100)
    first, second = Sender(unfinished), Sender(unfinished)
    unfinished.hold(first, 10)
    unfinished.hold(second, 10)
    unfinished.hold(first, 0)
    unfinished.hold(first, 95)
    assert (first.refused, second.refused, unfinished.held) == (False, True, 95)


def test_one_alone_over_the_bound() -> None:
    unfinished = Unfinished(100)
    sender = Sender(unfinished)
    unfinished.hold(sender, 101)
    assert (sender.refused, unfinished.held) == (True, 0)


def test_one_that_has_left() -> None:
    unfinished = Unfinished(100)
    sender = Sender(unfinished)
    unfinished.hold(sender, 60)
    unfinished.forget(sender)
    unfinished.forget(sender)
    assert (unfinished.held, unfinished.released) == (0, 60)


def test_the_log_has_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    unfinished = Unfinished(10)
    for _ in range(50):
        unfinished.hold(Sender(unfinished), 11)
    assert len(caplog.records) == 1


# On connections


@pytest.fixture
async def clients(server: Server) -> AsyncIterator[list[Client]]:
    clients = [Client(*await asyncio.open_connection("127.0.0.1", server.listener.port)) for _ in range(5)]
    server.listener.unfinished.bound = 3 * SIZE
    yield clients
    for client in clients:
        client.writer.close()


def held(server: Server) -> int:
    return server.listener.unfinished.held


CHUNK = CHUNKED[: CHUNKED.index(b"3\r\n")] + b"384\r\n" + b"x" * SIZE
OFFER = post("/echo", b"x" * SIZE, "Upgrade: h2c", "Connection: Upgrade")
PARTS = [
    pytest.param(post("/echo", b"x" * SIZE)[:-1], SIZE - 1, b"x", id="length"),
    pytest.param(CHUNK, SIZE, b"\r\n0\r\n\r\n", id="chunks"),
    pytest.param(OFFER[:-1], SIZE - 1, b"x", id="h2c"),
]


@pytest.mark.parametrize(("part", "size", "rest"), PARTS)
async def test_the_oldest_makes_room(
    server: Server, clients: list[Client], part: bytes, size: int, rest: bytes
) -> None:
    for number, client in enumerate(clients):
        client.send(part)
        await until(lambda number=number: held(server) == min(number + 1, 3) * size)  # type: ignore[misc]
    for client in clients[:2]:
        status, headers = await client.head()
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert b'"overloaded"' in await client.closed()
    for client in clients[2:]:
        client.send(rest)
        status, body = await client.answer()
        assert (status, body.count(b"x")) == (200, SIZE)
    assert held(server) == 0


@pytest.mark.parametrize(("part", "size", "rest"), PARTS)
async def test_those_that_leave_are_forgotten(
    server: Server, clients: list[Client], part: bytes, size: int, rest: bytes
) -> None:
    for client in clients[:3]:
        client.send(part)
    await until(lambda: held(server) == 3 * size)
    clients[0].writer.close()
    clients[1].writer.transport.abort()
    clients[2].writer.write_eof()
    await until(lambda: held(server) == 0)
    assert server.listener.unfinished.released == 3 * size
    assert (await clients[2].head())[0] == 400


async def test_those_that_wait_behind_an_answer_count_too(server: Server, clients: list[Client]) -> None:
    """Their clients get the answer in hand, and then that there was no room."""
    laters = []
    for client in clients[:2]:
        client.send(post("/later") + post("/echo", b"x" * SIZE) * 2)
        laters.append(await server.later.get())
    await until(lambda: held(server) == 2 * SIZE)
    laters[0].connection.respond(HEAD, b"first")
    assert await clients[0].answer() == (200, b"first")
    status, headers = await clients[0].head()
    assert (status, headers["retry-after"]) == (503, "1")
    laters[1].connection.respond(HEAD, b"second")
    assert [(await clients[1].answer())[0] for _ in range(3)] == [200, 200, 200]
    assert held(server) == 0


async def test_those_that_come_at_once_are_no_matter(server: Server, clients: list[Client]) -> None:
    server.listener.unfinished.bound = 0
    for client in clients:
        for _ in range(3):
            client.send(post("/echo", b"x" * LIMIT))
            assert (await client.answer())[0] == 200
        client.send(get("/echo"))
        assert (await client.answer())[0] == 200
