"""A stream from the side of the server, over real connections: the backend answers as a test says."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from tests.unit.server.agents import until
from tests.unit.server.streaming import EVAL, LIMIT, Driven, Proxy, connected, deliver, listening, ordered
from tyrex_pool.model.errors import EvalTimeout, NoRuntime, Overloaded
from tyrex_pool.model.frames import GOODBYE, RemoteAnswer, encode, frame
from tyrex_pool.model.wire import CallRequest, EvalRequest, problem
from tyrex_pool.server.http.listener import Listener

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def driven() -> Driven:
    return Driven()


@pytest.fixture
async def listener(driven: Driven) -> AsyncIterator[Listener]:
    async with listening(driven) as listener:
        yield listener


@pytest.fixture
async def proxy(listener: Listener) -> AsyncIterator[Proxy]:
    async with connected(listener) as proxy:
        await proxy.begin()
        yield proxy


async def test_what_an_order_says(proxy: Proxy, driven: Driven) -> None:
    proxy.order(1, timeout_ms=1500, queue=7, trace=TRACE)
    proxy.order(2, b"let a: 1", kind=b"application/typescript; charset=utf-8")
    proxy.order(3, b'{"function": "f", "args": [1]}', b"/v1/call")
    first, second, third = await driven.tickets(3)
    assert first.work == EvalRequest("1 + 2")
    assert second.work == EvalRequest("let a: 1", language="typescript")
    assert third.work == CallRequest("f", [1])
    assert first.deadline == first.arrived + 1.5
    assert [ticket.trace for ticket in (first, second)] == [TRACE, b""]
    assert [ticket.request.head.queue for ticket in (first, second)] == [b"7", None]


async def test_what_an_answer_says(proxy: Proxy, driven: Driven) -> None:
    proxy.order(1)
    (ticket,) = await driven.tickets(1)
    deliver(ticket, b'"x"')
    number, answer = await proxy.answered()
    assert (number, answer.name, answer.epoch, answer.load) == (1, "ok", 7, 3)
    assert answer.start == b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    assert answer.more.startswith(b"Tyrex-Epoch: 7\r\nTyrex-Eval: r.7.1\r\nServer-Timing: queue;dur=")
    assert answer.body == b'{"result":"x"}'


async def test_an_answer_that_is_an_error(proxy: Proxy, driven: Driven) -> None:
    proxy.order(1)
    proxy.order(2)
    ran, waited = await driven.tickets(2)
    waited.epoch = 0
    deliver(ran, late := EvalTimeout("late"))
    deliver(waited, gone := NoRuntime("stopped"))
    (_, first), (_, second) = await proxy.answered(), await proxy.answered()
    assert (first.name, first.epoch, first.body) == ("timeout", 7, problem(late))
    assert (second.name, second.epoch, second.more, second.body) == ("no_runtime", 0, b"", problem(gone))
    assert first.start.startswith(b"HTTP/1.1 504 ")
    assert b"Retry-After: 1\r\n" in second.start


async def test_answers_come_in_any_order(proxy: Proxy, driven: Driven) -> None:
    for number in range(1, 6):
        proxy.order(number)
    tickets = await driven.tickets(5)
    for index in (3, 0, 4, 2, 1):
        deliver(tickets[index], b"%d" % index)
    answers = [await proxy.answered() for _ in range(5)]
    assert [(number, answer.body) for number, answer in answers] == [
        (index + 1, b'{"result":%d}' % index) for index in (3, 0, 4, 2, 1)
    ]
    assert proxy.reads == 1, "those of one turn leave together"


async def test_orders_cut_anywhere(proxy: Proxy, driven: Driven) -> None:
    stream = b"".join(ordered(number, b'{"code": "%d"}' % number) for number in range(1, 9)) + frame(8)
    for at in range(0, len(stream), 13):
        proxy.send(stream[at : at + 13])
        await asyncio.sleep(0)
    tickets = await driven.tickets(8)
    assert [ticket.work for ticket in tickets] == [EvalRequest(str(number)) for number in range(1, 9)]
    await until(lambda: driven.cancelled == tickets[-1:])


async def test_a_number_alone_cancels_once(proxy: Proxy, driven: Driven) -> None:
    for number in (1, 2):
        proxy.order(number)
    first, second = await driven.tickets(2)
    proxy.send(frame(1) + frame(1) + frame(99))
    await until(lambda: driven.cancelled)
    deliver(first)
    deliver(second)
    assert (await proxy.answered())[0] == 2, "nobody hears of the first"
    assert driven.cancelled == [first]
    proxy.order(1)
    (again,) = await driven.tickets(1)
    deliver(again)
    assert (await proxy.answered())[0] == 1, "and its number is free again"


async def test_a_number_alone_after_the_answer(proxy: Proxy, driven: Driven) -> None:
    proxy.order(1)
    (ticket,) = await driven.tickets(1)
    deliver(ticket)
    assert (await proxy.answered())[0] == 1
    proxy.send(frame(1) + ordered(2))
    await driven.tickets(1)
    assert driven.cancelled == []


async def test_a_proxy_that_is_gone_waits_for_nothing(proxy: Proxy, driven: Driven, listener: Listener) -> None:
    for number in (1, 2, 3):
        proxy.order(number)
    first, *others = await driven.tickets(3)
    deliver(first)
    await proxy.answered()
    proxy.writer.transport.abort()
    await until(lambda: driven.cancelled)
    assert driven.cancelled == others
    for ticket in others:
        deliver(ticket)
    assert len(listener) == 0


async def test_only_short_heads_are_kept(proxy: Proxy, driven: Driven, listener: Listener) -> None:
    """A caller chooses its content type."""
    (stream,) = listener._peers
    kept = stream._heads  # type: ignore[attr-defined]
    for number in range(1, 400):
        proxy.order(number, b"1", kind=b"text/javascript; x=%d" % number)
        proxy.order(number + 1000, b"1", kind=b"text/javascript; x=%d" % number + b"x" * 300)
    tickets = await driven.tickets(798)
    assert {ticket.work for ticket in tickets} == {EvalRequest("1")}
    assert 0 < len(kept) <= 256
    assert all(len(kind) < 300 for _, kind, _ in kept)


# What is refused


async def test_a_body_that_is_too_large(proxy: Proxy, driven: Driven, listener: Listener) -> None:
    proxy.order(1, b"x" * (LIMIT + 1))
    proxy.order(2, b"x" * 3 * LIMIT)
    proxy.order(3)
    for number in (1, 2):
        check_refused(await proxy.answered(), number, "payload_too_large", f"at most {LIMIT} bytes")
    (ticket,) = await driven.tickets(1)
    deliver(ticket)
    assert (await proxy.answered())[0] == 3


def check_refused(answered: tuple[int, RemoteAnswer], number: int, name: str, said: str) -> None:
    """Check that the order `number` was refused as `name`, with a body that has `said` in it."""
    told, answer = answered
    assert (told, answer.name, answer.epoch, answer.load, answer.more) == (number, name, 0, 0, b"")
    assert answer.start.startswith(b"HTTP/1.1 ")
    assert f'"name":"{name}"' in answer.body.decode()
    assert said in answer.body.decode()


async def test_another_limit_holds_for_the_streams_that_are_open_too(
    proxy: Proxy, driven: Driven, listener: Listener
) -> None:
    body = b'{"code": "%b"}' % (b"x" * 3 * LIMIT)
    for number, limit, kept in ((1, 4 * LIMIT, True), (2, LIMIT, False), (3, len(body), True), (4, 1, False)):
        listener.limit_bodies(limit)
        proxy.order(number, body)
        if kept:
            (ticket,) = await driven.tickets(1)
            deliver(ticket)
            assert (await proxy.answered())[1].name == "ok"
        else:
            check_refused(await proxy.answered(), number, "payload_too_large", f"at most {limit} bytes")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"body": b"{"}, "not JSON", id="no JSON"),
        pytest.param({"body": b'{"cod": 1}'}, "cod", id="an unknown member"),
        pytest.param({"body": b"\xff", "kind": b"text/javascript"}, "UTF-8", id="no UTF-8"),
        pytest.param({"kind": b"text/html"}, "text/html", id="an unknown type"),
        pytest.param({"path": b"/v1/pool"}, "/v1/pool", id="a path that takes no evals"),
        pytest.param({"path": b"\xff"}, "there is no", id="a path of bytes"),
    ],
)
async def test_a_request_that_is_not_valid(proxy: Proxy, driven: Driven, more: dict[str, Any], said: str) -> None:
    proxy.order(1, **more)
    check_refused(await proxy.answered(), 1, "invalid_request", said)
    proxy.order(1)
    await driven.tickets(1)


async def test_what_the_pool_does_not_take(
    proxy: Proxy, driven: Driven, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.order(9)
    (running,) = await driven.tickets(1)
    driven.error = Overloaded("full")
    proxy.order(1)
    check_refused(await proxy.answered(), 1, "overloaded", "full")
    driven.error = OverflowError("nobody thought of this")
    proxy.order(2)
    check_refused(await proxy.answered(), 2, "error", "its log says why")
    assert "nobody thought of this" in caplog.text
    deliver(running)
    assert (await proxy.answered())[0] == 9, "the others go on"


async def test_a_trace_that_is_none_is_not_passed_on(proxy: Proxy, driven: Driven) -> None:
    proxy.order(1, trace=b'\r\n{"forged": "line"}')
    (ticket,) = await driven.tickets(1)
    assert ticket.trace == b""


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(frame(2, b"\xc1"), id="not MessagePack"),
        pytest.param(frame(2, encode([b"/v1/eval"])), id="too little"),
        pytest.param(b"\0\0\0\x04GET / HTTP/1.1\r\n\r\n", id="something else"),
        pytest.param(ordered(1), id="a number that is taken"),
        pytest.param(ordered(GOODBYE), id="the number of no eval"),
    ],
)
async def test_garbage_ends_a_stream(proxy: Proxy, driven: Driven, listener: Listener, garbage: bytes) -> None:
    proxy.order(1)
    (ticket,) = await driven.tickets(1)
    proxy.send(garbage)
    assert await proxy.closed() == b""
    await until(lambda: driven.cancelled == [ticket])
    assert driven.come.empty()
    assert len(listener) == 0


# The end


async def test_the_end_of_a_server(proxy: Proxy, driven: Driven, listener: Listener) -> None:
    proxy.order(1)
    (before,) = await driven.tickets(1)
    listener.stop_accepting()
    assert await proxy.frame() == (GOODBYE, b"")
    proxy.order(2)  # it was on its way
    (after,) = await driven.tickets(1)
    for ticket in (after, before):
        deliver(ticket)
    assert [(await proxy.answered())[0] for _ in range(2)] == [2, 1]
    assert len(listener) == 1, "the proxy closes it"
    proxy.writer.close()
    await until(lambda: len(listener) == 0)
    assert driven.cancelled == []


async def test_a_stream_that_begins_while_the_server_ends(driven: Driven, listener: Listener) -> None:
    async with connected(listener) as proxy:
        await until(lambda: len(listener) == 1)
        listener.stop_accepting()
        await proxy.begin()
        assert await proxy.frame() == (GOODBYE, b"")
        proxy.order(1)
        (ticket,) = await driven.tickets(1)
        deliver(ticket)
        assert (await proxy.answered())[0] == 1


async def test_what_is_answered_when_all_is_closed_is_still_sent(
    proxy: Proxy, driven: Driven, listener: Listener
) -> None:
    for number in (1, 2, 3):
        proxy.order(number)
    first, second, third = await driven.tickets(3)
    deliver(first)
    deliver(second)
    await listener.close()
    deliver(third)
    assert [(await proxy.frame())[0] for _ in range(2)] == [1, 2]
    assert await proxy.closed() == b""


# A proxy that does not read


async def test_a_proxy_that_does_not_read_sends_no_more(driven: Driven, listener: Listener) -> None:
    async with connected(listener) as proxy:
        await proxy.begin()
        (stream,) = listener._peers
        transport = stream._transport  # type: ignore[attr-defined]
        proxy.order(1)
        (first,) = await driven.tickets(1)
        deliver(first, b'"%b"' % (b"x" * 16_000_000))
        await until(lambda: not transport.is_reading())
        proxy.order(2)
        proxy.forget(2)
        proxy.order(3)
        number, answer = await proxy.answered()
        assert (number, len(answer.body)) == (1, 16_000_000 + len('{"result":""}'))
        second, third = await driven.tickets(2)
        deliver(third)
        assert (await proxy.answered())[0] == 3
        assert driven.cancelled == [second]


async def test_a_silent_stream_stays(proxy: Proxy, driven: Driven, listener: Listener) -> None:
    (stream,) = listener._peers
    stream.sweep(monotonic() + 1e6)
    proxy.order(1)
    await driven.tickets(1)


@pytest.mark.parametrize("size", [1 << 16, 1 << 23])
async def test_large_ones(proxy: Proxy, driven: Driven, listener: Listener, size: int) -> None:
    listener.limit_bodies(size)
    body = b"x" * size
    for number in (1, 2, 3):
        proxy.order(number, body, kind=b"text/javascript")
        proxy.order(number + 10)
    tickets = await driven.tickets(6)
    assert [len(ticket.request.body) for ticket in tickets] == [size, len(EVAL)] * 3
    for ticket in tickets:
        deliver(ticket, b'"%b"' % ticket.request.body if len(ticket.request.body) == size else b"1")
    for _ in tickets:
        number, answer = await proxy.answered()
        assert len(answer.body) == (len('{"result":1}') if number > 10 else size + len('{"result":""}'))
