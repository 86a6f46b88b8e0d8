"""Answers on a stream whose proxy does not read: bounded, over real connections; the backend answers as a test says."""

from collections.abc import AsyncIterator
from time import monotonic

import pytest

from tests.unit.server.agents import until
from tests.unit.server.streaming import Driven, connected, deliver, listening
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.http.unread import STALLED


@pytest.fixture
def driven() -> Driven:
    return Driven()


@pytest.fixture
async def listener(driven: Driven) -> AsyncIterator[Listener]:
    async with listening(driven) as listener:
        yield listener


@pytest.mark.parametrize(("after", "closed"), [(STALLED - 5, False), (STALLED + 5, True)])
async def test_a_proxy_that_does_not_read_for_long_is_cut_off(
    driven: Driven, listener: Listener, after: float, closed: bool
) -> None:
    async with connected(listener) as proxy:
        await proxy.begin()
        (stream,) = listener._peers
        transport = stream._transport  # type: ignore[attr-defined]
        for number in (1, 2):
            proxy.order(number)
        first, second = await driven.tickets(2)
        deliver(first, b'"%b"' % (b"x" * 16_000_000))
        await until(lambda: not transport.is_reading())
        listener.unread.sweep(monotonic() + after)
        assert transport.is_closing() == closed
        if closed:
            await until(lambda: driven.cancelled == [second])


async def test_answers_that_a_proxy_does_not_read_are_bounded(driven: Driven, listener: Listener) -> None:
    """Evals that it ordered before go on to end, each with an answer for it."""
    listener.unread.bound = 40_000_000
    async with connected(listener) as proxy, connected(listener) as other:
        await proxy.begin()
        for number in range(1, 21):
            proxy.order(number)
        *tickets, last = await driven.tickets(20)
        for number, ticket in enumerate(tickets):
            deliver(ticket, b'"%b"' % (b"x" * 8_000_000))
            assert listener.unread.held <= 40_000_000
            if number == 2:
                assert listener.unread.held > 2 * 8_000_000 - 1
        await until(lambda: driven.cancelled == [last])
        assert (listener.unread.held, listener.unread.cut_off["bound"], len(listener)) == (0, 1, 1)
        await other.begin()
        other.order(1)
        (ticket,) = await driven.tickets(1)
        deliver(ticket)
        assert (await other.answered())[0] == 1


async def test_a_proxy_that_reads_again_gets_all_that_waits(driven: Driven, listener: Listener) -> None:
    async with connected(listener) as proxy:
        await proxy.begin()
        for number in range(1, 6):
            proxy.order(number)
        for ticket in await driven.tickets(5):
            deliver(ticket, b'"%b"' % (b"x" * 8_000_000))
        assert listener.unread.held > 3 * 8_000_000
        for number in range(1, 6):
            assert (await proxy.answered())[0] == number
        await until(lambda: listener.unread.held == 0)
        assert listener.unread.cut_off == {"bound": 0, "stalled": 0}


async def test_a_wrong_frame_from_a_proxy_that_does_not_read(driven: Driven, listener: Listener) -> None:
    """What still waits for it is bounded in time, although it is little."""
    async with connected(listener) as proxy:
        await proxy.begin()
        (stream,) = listener._peers
        transport = stream._transport  # type: ignore[attr-defined]
        proxy.order(1)
        (ticket,) = await driven.tickets(1)
        deliver(ticket, b'"%b"' % (b"x" * 16_000_000))
        await until(lambda: not transport.is_reading())
        transport.set_write_buffer_limits(high=1 << 30)  # as if the rest were little
        stream.resume_writing()  # type: ignore[attr-defined]
        stream.close()
        listener.unread.sweep(monotonic() + STALLED - 1)
        assert len(listener) == 1
        listener.unread.sweep(monotonic() + STALLED + 1)
        await until(lambda: len(listener) == 0)
