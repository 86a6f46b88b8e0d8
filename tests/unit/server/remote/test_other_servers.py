"""What a proxy makes of servers that are no servers of a pool, and whether it is ready beside them."""

import asyncio
from itertools import pairwise
from time import monotonic

import pytest

from tests.unit.server.agents import Agent, ask, pool_of, until
from tyrex_pool.model.frames import ACCEPTED

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


class Nonsense(Agent):
    """Gives the same answer to everything, until it is `sane`; `asked` has the time of each question."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer
        self.sane = False
        self.asked: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.sane:
            return await super().serve(reader, writer)
        self.asked.append(monotonic())
        writer.write(self.answer)
        writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(SWITCHING, id="101"),
        pytest.param(SWITCHING * 20, id="101 again and again"),
        pytest.param(SWITCHING + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", id="101 and 200"),
        pytest.param(ACCEPTED, id="a stream to everything"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", id="a web server"),
        pytest.param(b"220 mail ESMTP\r\n", id="a mail server"),
    ],
)
async def test_a_server_of_another_kind_is_asked_ever_less(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    other, one = Nonsense(answer), Agent()
    async with pool_of(other, one) as pool:
        await until(lambda: len(other.asked) >= 4)
        runtime = pool.describe().runtimes[0]
        why = f"127.0.0.1:{other.endpoint.port}: it does not answer as a pool's server does"
        assert runtime.state == "Unreachable"
        assert (runtime.reason or "").startswith(why)
        pauses = [later - earlier for earlier, later in pairwise(other.asked)]
        assert pauses[-1] > 2 * pauses[0]
        assert await ask(pool) == "ok"
        other.sane = True
        await until(lambda: pool.describe().ready_runtimes == 2)
    assert caplog.records == []


async def test_a_list_is_ready_while_one_of_its_runtimes_is() -> None:
    """`GET /v1/pool` and `/readyz` mean the same by it."""
    one, other = Agent(), Agent()
    async with pool_of(one, other) as pool:
        assert (pool.ready, pool.describe().ready, pool.describe().ready_runtimes) == (True, True, 2)
        for agent, ready in ((one, True), (other, False)):
            agent.report["ready"] = False
            left = int(ready)
            await until(lambda: pool.describe().ready_runtimes == left)  # noqa: B023
            assert (pool.ready, pool.describe().ready) == (ready, ready)
        assert pool.reason == "it is starting"
        one.report["ready"] = True
        await until(lambda: pool.ready)
        assert (pool.describe().ready, pool.describe().ready_runtimes) == (True, 1)
