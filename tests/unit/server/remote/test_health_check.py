"""Checks over real connections, of servers that answer as a script says."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.server.agents import until
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.health_check import HealthCheck, seconds_to_next_check

REPORT = {"ready": True, "inFlight": 0, "queued": 0, "runtimes": [{"state": "Ready", "capacity": 3, "epoch": 5}]}
BODY = json.dumps(REPORT).encode()
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
LAST = KEPT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n" + BODY
NOTHING = b""
"""It takes the request, and closes."""
SILENT = None
"""It takes the request, and no more."""

Answer = bytes | None


class Scripted:
    """Gives these answers, one for each request; `asked` has the connection, by number, that each came on."""

    def __init__(self, answers: Sequence[Answer], endpoint: Endpoint, server: asyncio.Server) -> None:
        self.answers = list(answers)
        self.endpoint = endpoint
        self.server = server
        self.asked: list[int] = []
        self.connections = 0
        self.closed = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers.append(writer)
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                assert request.startswith(b"GET /v1/pool HTTP/1.1\r\nHost: ")
                self.asked.append(number)
                answer = self.answers.pop(0)
                if answer is not SILENT:
                    writer.write(answer)
                if answer not in (KEPT, CHUNKED, SILENT):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            writer.close()


@asynccontextmanager
async def scripted(*answers: Answer, path: Path | None = None) -> AsyncIterator[Scripted]:
    made: list[Scripted] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made[0].serve(reader, writer)

    if path is None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    else:
        server = await asyncio.start_unix_server(serve, str(path))
        endpoint = Endpoint("localhost", 0, str(path))
    made.append(Scripted(answers, endpoint, server))
    try:
        yield made[0]
    finally:
        server.close()
        for writer in made[0].writers:
            writer.close()


async def check(health_check: HealthCheck) -> int:
    """The capacity that the server reports."""
    async with asyncio.timeout(10):
        return sum(runtime.capacity for runtime in (await health_check.check()).runtimes)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param([KEPT, KEPT, KEPT], [1, 1, 1], id="one connection for all checks"),
        pytest.param([CHUNKED, CHUNKED], [1, 1], id="in chunks"),
        pytest.param([LAST, LAST], [1, 2], id="a server that keeps none"),
        pytest.param([ENDLESS, ENDLESS], [1, 2], id="answers that end with their connection"),
        pytest.param([KEPT, NOTHING, KEPT], [1, 1, 2], id="closed as it is asked"),
        pytest.param([KEPT, LAST, KEPT, KEPT], [1, 1, 2, 2], id="the last answer on a connection is not enough"),
        pytest.param([KEPT, b"nonsense\r\n\r\n", KEPT], [1, 1, 2], id="nonsense on a connection that was kept"),
    ],
)
async def test_checks(answers: list[bytes], asked: list[int]) -> None:
    async with scripted(*answers) as server:
        with closing(HealthCheck(server.endpoint)) as health_check:
            while server.answers:
                assert await check(health_check) == 3
        assert server.asked == asked


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    async with scripted(KEPT, KEPT, path=tmp_path / "socket") as server:
        with closing(HealthCheck(server.endpoint)) as health_check:
            assert [await check(health_check), await check(health_check)] == [3, 3]
        assert server.asked == [1, 1]


async def test_a_connection_that_broke_in_between_is_opened_anew() -> None:
    async with scripted(KEPT, KEPT) as server:
        with closing(HealthCheck(server.endpoint)) as health_check:
            await check(health_check)
            server.writers[0].transport.abort()
            assert await check(health_check) == 3
        assert server.asked == [1, 2]


async def test_a_server_that_ends_is_seen_at_once() -> None:
    """It answers on the connections that it has, for a last time, and accepts no more."""
    async with scripted(KEPT, LAST) as server:
        with closing(HealthCheck(server.endpoint)) as health_check:
            await check(health_check)
            server.server.close()
            with pytest.raises(ConnectionRefusedError):
                await check(health_check)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NOTHING, id="nothing"),
        pytest.param(b"nonsense\r\n\r\n", id="nonsense"),
        pytest.param(KEPT.replace(b"200 OK", b"404 Not Found"), id="another server's"),
        pytest.param(ENDLESS[:-5], id="half an answer"),
        pytest.param(KEPT.replace(b"ready", b"steady"), id="another report"),
        pytest.param(KEPT.replace(b"{", b"["), id="no JSON"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", id="101"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="101 to nothing"),
        pytest.param(KEPT.replace(b"200 OK", b"101 Switching Protocols"), id="101 with a report"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n", id="304"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", id="302"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="100 alone"),
        pytest.param(KEPT.replace(b"HTTP/1.1", b"HTTP/9.9"), id="another HTTP"),
        pytest.param(KEPT.replace(b"\r\n", b"\r\nContent-Length: 1\r\n", 1), id="two lengths"),
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x46", id="TLS"),
        pytest.param(b"\0" * 1000, id="zeros"),
        pytest.param(ENDLESS[:-2] + b" " * (5 << 20) + ENDLESS[-2:], id="more than any report"),
    ],
)
async def test_what_is_no_such_server(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with scripted(answer, KEPT) as server:
        with closing(HealthCheck(server.endpoint)) as health_check, pytest.raises(ValueError):
            await check(health_check)
    assert caplog.records == []


async def test_nobody_is_there() -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        endpoint = Endpoint("127.0.0.1", bound.getsockname()[1])
        with closing(HealthCheck(endpoint)) as health_check, pytest.raises(ConnectionRefusedError):
            await check(health_check)


@pytest.mark.parametrize("before", [[], [KEPT]], ids=["the first check", "a later one"])
async def test_a_check_that_takes_too_long_leaves_no_connection(before: list[bytes]) -> None:
    async with scripted(*before, SILENT, KEPT) as server:
        with closing(HealthCheck(server.endpoint)) as health_check:
            for _ in before:
                await check(health_check)
            slow = asyncio.ensure_future(check(health_check))
            await until(lambda: len(server.asked) == len(before) + 1)
            slow.cancel()
            await asyncio.wait([slow])
            await until(lambda: server.closed == 1)
            assert await check(health_check) == 3
            assert server.asked[-1] == 2


async def test_the_end_closes_the_connection() -> None:
    async with scripted(KEPT) as server:
        with closing(HealthCheck(server.endpoint)) as health_check:
            await check(health_check)
        await until(lambda: server.closed == 1)


@given(st.integers(0, 1000), st.floats(0, 1e7))
def test_each_runtime_has_its_time_of_the_second(index: int, now: float) -> None:
    first = seconds_to_next_check(index, now)
    assert 0.5 <= first <= 1.5
    assert seconds_to_next_check(index, now + first) == pytest.approx(1.0, abs=1e-6)


def test_many_runtimes_are_not_checked_all_at_once() -> None:
    times = Counter(round(seconds_to_next_check(index, 12.34) % 1.0, 6) for index in range(1000))
    assert set(times.values()) == {40}
