"""A stream from the side of the proxy, over real connections: the server answers, or fails to, as a test says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.unit.server.agents import (
    EVAL,
    RESULT,
    Agent,
    answered,
    ask,
    definition,
    pool_of,
    pool_over,
    submit,
    until,
)
from tyrex_pool.dispatch.ticket import Outcome
from tyrex_pool.model.frames import ACCEPTED, GOODBYE, RemoteAnswer, frame
from tyrex_pool.server.http.messages import head
from tyrex_pool.server.remote.remote_driver import RemoteRuntime
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.remote.upstream import Upstream, connect
from tyrex_pool.server.ticket import ServerTicket

OK = RemoteAnswer("ok", 9, 1, head(200, "application/json"), b"", RESULT)


def upstream(pool: RemotePool) -> Upstream[RemoteRuntime]:
    """The stream to the only runtime of `pool`."""
    (runtime,) = pool.runtimes.values()
    assert runtime.upstream is not None
    return runtime.upstream


def shown(pool: RemotePool) -> tuple[str, str]:
    """State and reason of the only runtime of `pool`."""
    (runtime,) = pool.describe().runtimes
    return runtime.state, runtime.reason or ""


@asynccontextmanager
async def starting(agent: Agent) -> AsyncIterator[RemotePool]:
    """A pool of `agent`, which it may not have checked yet."""
    async with pool_over({"agent-0": agent}, None) as (pool, _):
        pool.use_definition(definition())
        yield pool


async def running(agent: Agent, pool: RemotePool, count: int) -> Sequence[asyncio.Future[str]]:
    """So many evals that the server has and does not answer."""
    agent.gate.clear()
    before = agent.evals
    asked = [asyncio.ensure_future(ask(pool)) for _ in range(count)]
    await until(lambda: agent.evals == before + count)
    return asked


async def test_many_evals_share_one_stream() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        assert agent.handshakes == 1, "it stands before the first eval comes"
        assert await asyncio.gather(*(ask(pool) for _ in range(100))) == ["ok"] * 100
        assert (agent.handshakes, pool.connections, agent.evals) == (1, 1, 100)


async def test_answers_come_in_any_order() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        asked = await running(agent, pool, 3)
        for index in (2, 0, 1):
            agent.streams[0].write(answered(agent.numbers[index], OK))
            await until(asked[index].done)
            assert await asked[index] == "ok"
        assert pool.describe().in_flight == 1, "as the last answer said of others"


async def test_answers_cut_anywhere() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        asked = await running(agent, pool, 3)
        for byte in b"".join(answered(number, OK) for number in agent.numbers):
            agent.streams[0].write(bytes([byte]))
            await asyncio.sleep(0)
        assert await asyncio.gather(*asked) == ["ok"] * 3


async def test_what_nobody_waits_for_is_told_and_its_answer_ignored() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        agent.gate.clear()
        ticket, _ = submit(pool)
        other = asyncio.ensure_future(ask(pool))
        await until(lambda: agent.evals == 2)
        for _ in range(2):
            pool.cancel(ticket)
        await until(lambda: agent.forgotten == agent.numbers[:1])
        assert pool.describe().in_flight == 1
        agent.gate.set()  # it answers both
        assert await other == "ok"
        assert await ask(pool) == "ok"
        assert (agent.handshakes, agent.forgotten) == (1, agent.numbers[:1]), "the stream stays"


async def test_a_number_that_nobody_knows_is_ignored() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        asked = await running(agent, pool, 1)
        agent.streams[0].write(answered(4711, OK) + frame(4712) + frame(4713, b"\xc1"))
        agent.gate.set()
        assert await asyncio.gather(*asked) == ["ok"]
        assert agent.handshakes == 1


async def test_numbers_start_again_and_skip_what_is_open() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        (first,) = await running(agent, pool, 1)
        upstream(pool)._number = 2**32 - 3
        more = await running(agent, pool, 4)
        assert agent.numbers == [1, 2**32 - 2, 2**32 - 1, 2, 3]
        agent.gate.set()
        assert await asyncio.gather(first, *more) == ["ok"] * 5


# Streams that end


async def test_a_stream_that_breaks_ends_what_is_on_it() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        asked = await running(agent, pool, 3)
        agent.streams[0].transport.abort()
        assert await asyncio.gather(*asked) == ["dead_runtime_error"] * 3
        agent.gate.set()
        assert await ask(pool) == "ok"
        assert (agent.handshakes, agent.evals, pool.connections) == (2, 4, 1)
        assert pool.describe().in_flight == 0


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\xc1", id="not MessagePack"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x96\xa2ok\x07", id="cut off"),
        pytest.param(b"\x97" + b"\x91" * 100_000, id="very deep"),
    ],
)
async def test_an_answer_that_cannot_be_read_ends_what_is_on_its_stream(garbage: bytes) -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        asked = await running(agent, pool, 3)
        agent.streams[0].write(answered(agent.numbers[1], OK) + frame(agent.numbers[0], garbage))
        assert await asyncio.gather(*asked) == ["dead_runtime_error", "ok", "dead_runtime_error"]
        agent.gate.set()
        assert await ask(pool) == "ok"
        assert agent.handshakes == 2


async def test_a_server_that_says_goodbye_answers_what_it_has() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        before = await running(agent, pool, 2)
        agent.streams[0].write(frame(GOODBYE))
        await until(lambda: agent.handshakes == 1 and pool.runtimes["agent-0"].upstream is None)
        after = await running(agent, pool, 2)
        assert (agent.handshakes, len(agent.streams), pool.connections) == (2, 2, 2)
        agent.gate.set()
        assert await asyncio.gather(*before, *after) == ["ok"] * 4
        await until(lambda: len(agent.streams) == 1)
        assert pool.connections == 1


async def test_a_goodbye_that_comes_with_an_answer_loses_no_eval() -> None:
    """What is submitted in the same turn of the loop must not go to a stream that has ended."""
    agent = Agent()
    async with pool_of(agent) as pool:
        again: list[asyncio.Future[str]] = []
        agent.gate.clear()
        ticket, first = submit(pool)
        deliver = ticket.deliver

        def and_again(ticket: ServerTicket, told: Outcome) -> None:
            assert deliver is not None
            deliver(ticket, told)
            agent.gate.set()
            again.append(asyncio.ensure_future(ask(pool)))

        ticket.deliver = and_again
        await until(lambda: agent.evals == 1)
        agent.streams[0].write(frame(GOODBYE) + answered(agent.numbers[0], OK))
        assert await first == "ok"
        assert await again[0] == "ok"


async def test_a_server_that_closes_its_side_is_sent_no_more() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        stream = upstream(pool)
        stream.eof_received()  # as the loop calls it, which closes the connection after that
        assert await ask(pool) == "ok"
        assert agent.handshakes == 2


# Streams that do not begin


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", id="a server that knows no streams"),
        pytest.param(ACCEPTED.replace(b"tyrex-stream", b"other-stream"), id="another protocol"),
        pytest.param(b"\xff", id="something else"),
    ],
)
async def test_a_server_that_refuses_is_shown_and_not_chosen(refusal: bytes) -> None:
    old, new = Agent(), Agent()
    old.accepts = refusal
    async with pool_of(old, new) as pool:
        seen = set()
        while old.handshakes < 4:
            seen.add(tuple((runtime.state, runtime.reason) for runtime in pool.describe().runtimes))
            assert await ask(pool) == "ok"
            await asyncio.sleep(0)
        why = f"127.0.0.1:{old.endpoint.port}: it does not answer as a pool's server does"
        assert seen == {(("Unreachable", why), ("Ready", None))}
        assert (old.evals, pool.retries) == (0, 0)
        old.accepts = ACCEPTED
        await until(lambda: pool.describe().ready_runtimes == 2)


async def test_a_server_that_breaks_in_the_handshake() -> None:
    agent = Agent()
    agent.accepts = ACCEPTED[:20]
    async with starting(agent) as pool:
        await until(lambda: agent.streams)
        assert shown(pool)[0] == "Starting", "it waits for the rest"
        agent.streams[0].transport.abort()
        await until(lambda: shown(pool)[0] == "Unreachable")
        agent.accepts = ACCEPTED
        await until(lambda: shown(pool)[0] == "Ready")
        assert await ask(pool) == "ok"


async def test_a_server_that_ends_a_stream_at_once() -> None:
    agent = Agent()
    agent.accepts = ACCEPTED + frame(GOODBYE)
    async with pool_of(agent) as pool:
        assert shown(pool) == ("Unreachable", f"127.0.0.1:{agent.endpoint.port}: it ended the stream at once")
        agent.accepts = ACCEPTED
        await until(lambda: shown(pool)[0] == "Ready")
        agent.accepts = ACCEPTED + frame(GOODBYE)
        agent.streams[0].write(frame(GOODBYE))
        await until(lambda: pool.runtimes["agent-0"].upstream is None)
        assert await ask(pool) == "no_runtime", "it certainly never started"
        agent.accepts = ACCEPTED
        await until(lambda: shown(pool)[0] == "Ready")
        assert await ask(pool) == "ok"


async def test_an_acceptance_that_comes_in_pieces() -> None:
    agent = Agent()
    agent.accepts = b""
    async with starting(agent) as pool:
        await until(lambda: agent.streams)
        for byte in ACCEPTED:
            agent.streams[0].write(bytes([byte]))
            await asyncio.sleep(0)
        await until(lambda: shown(pool)[0] == "Ready")
        assert await ask(pool) == "ok"


async def test_whoever_opens_a_stream_may_leave() -> None:
    agent = Agent()
    agent.accepts = b""
    await agent.open()
    pool = RemotePool("pool", definition())
    remote = RemoteRuntime.of("a", agent.endpoint, 1)
    opening = asyncio.ensure_future(connect(agent.endpoint, pool._driver, remote))
    await until(lambda: agent.streams)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await until(lambda: not agent.streams)
    await pool.close()
    agent.server.close()


# Servers that do not keep their word


async def test_a_deadline_that_is_not_kept() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        agent.gate.clear()
        late, other = ask(pool, 0.05), asyncio.ensure_future(ask(pool))
        assert await late == "dead_runtime_error"
        await until(lambda: agent.forgotten == agent.numbers[:1])
        assert (shown(pool)[0], pool.describe().in_flight) == ("Ready", 1)
        next_one = asyncio.ensure_future(ask(pool))
        await until(lambda: agent.evals == 3)
        assert (agent.handshakes, len(agent.streams)) == (2, 2)
        agent.gate.set()
        assert [await other, await next_one] == ["ok", "ok"]
        await until(lambda: len(agent.streams) == 1)


async def test_deadlines_on_a_stream_that_was_left_do_not_touch_the_next() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        agent.gate.clear()
        first, second = ask(pool, 0.05), ask(pool, 0.3)
        assert await first == "dead_runtime_error"
        third = asyncio.ensure_future(ask(pool))
        await until(lambda: agent.handshakes == 2)
        assert await second == "dead_runtime_error"
        await until(lambda: len(agent.streams) == 1)
        agent.gate.set()
        assert await third == "ok"
        assert await ask(pool) == "ok"
        assert agent.handshakes == 2


async def test_a_server_that_does_not_read_gets_no_more() -> None:
    """What is too much waits here, where it can go elsewhere, and where its deadline is kept."""
    agent = Agent()
    async with pool_of(agent) as pool:
        agent.reading.clear()
        body = EVAL + b" " * 1_000_000
        large = [asyncio.ensure_future(ask(pool, body=body)) for _ in range(40)]
        await until(lambda: upstream(pool).full)
        sent = len(upstream(pool))
        assert 0 < sent < 40, "the kernel takes some"
        ticket, _ = submit(pool)
        assert await ask(pool, 0.05) == "queue_timeout"
        pool.cancel(ticket)
        assert (len(upstream(pool)), pool.describe().queued + pool.describe().in_flight) == (sent, 40)
        agent.reading.set()
        assert await asyncio.gather(*large) == ["ok"] * 40
        assert (agent.evals, agent.handshakes) == (40, 1)


async def test_what_waits_for_a_server_that_does_not_read_gets_a_new_stream() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        agent.reading.clear()
        body = EVAL + b" " * 1_000_000
        large = [asyncio.ensure_future(ask(pool, 0.3, body=body)) for _ in range(40)]
        await until(lambda: upstream(pool).full)
        small = asyncio.ensure_future(ask(pool))
        outcomes = await asyncio.gather(*large)
        assert set(outcomes) == {"dead_runtime_error", "queue_timeout"}
        await until(lambda: agent.handshakes == 2)
        agent.reading.set()
        assert await small == "ok"
        await until(lambda: pool.connections == 1)


async def test_the_end_of_the_pool_is_the_end_of_its_evals() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        asked = await running(agent, pool, 3)
        await pool.close()
        assert await asyncio.gather(*asked) == ["dead_runtime_error"] * 3
        await until(lambda: not agent.streams)
