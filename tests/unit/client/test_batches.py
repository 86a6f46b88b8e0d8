"""Batches of both clients: which requests they become, and what becomes of each line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.unit.scripted_pool import Reply, ScriptedPool
from tyrex_pool.client import AsyncClient, BatchAnswer, Client
from tyrex_pool.client.batches import LARGEST, MOST, Part, parts
from tyrex_pool.model.batch import Item, refused
from tyrex_pool.model.errors import (
    DeadRuntimeError,
    ExecutionError,
    InvalidRequest,
    NoRuntime,
    TyrexError,
    WrongContentType,
)
from tyrex_pool.model.wire import problem
from tyrex_pool.server.http.intake import AHEAD

Ask = Callable[..., Any]


async def blocking(url: str, items: Iterable[Item]) -> list[BatchAnswer]:
    with Client(url) as client:
        return list(client.batch(items))


async def awaited(url: str, items: Iterable[Item]) -> list[BatchAnswer]:
    async with AsyncClient(url) as client:
        return [answer async for answer in client.batch(items)]


async def slowly(url: str, items: Iterable[Item]) -> list[BatchAnswer]:
    async def later() -> AsyncIterator[Item]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    async with AsyncClient(url) as client:
        return [answer async for answer in client.batch(later())]


@pytest.fixture(params=[blocking, awaited, slowly], ids=["Client", "AsyncClient", "asynchronous items"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asker: Ask = request.param
    return asker


def ok(index: int, result: object = 1) -> bytes:
    return b'{"index":%d,"eval":"a.7.1","runtime":"a","epoch":7,"result":%b}\n' % (index, json.dumps(result).encode())


async def test_what_is_sent_and_what_comes_back(pool: ScriptedPool, ask: Ask) -> None:
    failed = refused(1, ExecutionError("no", value={"a": 1}, stack="at x")) + b"\n"
    pool.script = [Reply(200, failed + ok(2) + ok(0, {"x": "\u2028"}))]
    answers = await ask(pool.url, ["1", {"function": "f", "args": [1, (2,)]}, b' {"code": "2"} '])
    (seen,) = pool.seen
    assert (seen.method, seen.path, seen.content_type) == ("POST", "/v1/batch", "application/x-ndjson")
    assert seen.body == [{"code": "1"}, {"function": "f", "args": [1, [2]]}, {"code": "2"}]
    assert [answer.index for answer in answers] == [1, 2, 0]
    assert answers[2] == BatchAnswer(0, {"x": "\u2028"}, None, "a", "7")
    error = answers[0].error
    assert isinstance(error, ExecutionError)
    assert (error.value, error.stack, answers[0].result) == ({"a": 1}, "at x", None)


async def test_nothing_is_sent_for_nothing(pool: ScriptedPool, ask: Ask) -> None:
    assert await ask(pool.url, []) == []
    assert pool.seen == []


@pytest.mark.parametrize(
    ("item", "said"),
    [
        pytest.param(7, "items[1]: write code as a str", id="a number"),
        pytest.param({"function": "f", "args": [{1}]}, "items[1].args[0]: set cannot travel", id="a set"),
        pytest.param({"code": "1", "key": float("nan")}, "items[1].key: nan cannot travel", id="NaN"),
        pytest.param(b"1\n2", "items[1]: write one line", id="two lines"),
        pytest.param(b" ", "items[1]: write one line", id="a blank line"),
    ],
)
async def test_an_item_that_is_no_line_fails_alone(pool: ScriptedPool, ask: Ask, item: Any, said: str) -> None:
    pool.script = [Reply(200, ok(0)), Reply(200, ok(0))]
    answers = {answer.index: answer for answer in await ask(pool.url, ["0", item, "2"])}
    assert [answers[index].result for index in (0, 2)] == [1, 1]
    assert isinstance(answers[1].error, InvalidRequest)
    assert answers[1].error.detail.startswith(said)


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        pytest.param(Reply(0), DeadRuntimeError, "broke", id="the connection breaks"),
        pytest.param(Reply(200, ok(0)), DeadRuntimeError, "the code may have run", id="an answer is missing"),
        pytest.param(Reply(200, ok(0) + ok(0) + ok(9)), DeadRuntimeError, "may have run", id="answers to other lines"),
        pytest.param(
            Reply(200, ok(0) + b"<html>\n"), TyrexError, "does not answer as a pool", id="no answer of a pool"
        ),
        pytest.param(Reply(415, problem(WrongContentType("no"))), InvalidRequest, "no", id="all refused"),
        pytest.param(Reply(404, b"nothing here"), TyrexError, "HTTP 404", id="no server of a pool"),
        pytest.param(
            Reply(200, ok(0) + b'{"index":1,"rest":true,' + problem(NoRuntime("it ends"))[1:] + b"\n"),
            NoRuntime,
            "it ends",
            id="the server ends",
        ),
    ],
)
async def test_every_line_has_an_answer_whatever_happens(
    pool: ScriptedPool, ask: Ask, reply: Reply, error: type[TyrexError], said: str
) -> None:
    pool.script = [reply]
    answers = await ask(pool.url, ["0", "1", "2"])
    assert [answer.index for answer in answers] == [0, 1, 2]
    for answer in answers[1:]:
        assert isinstance(answer.error, error)
        assert said in answer.error.detail


async def test_without_a_server(ask: Ask) -> None:
    answers = await ask("http://127.0.0.1:1", ["0", "1"])
    assert [(answer.index, type(answer.error)) for answer in answers] == [(0, NoRuntime), (1, NoRuntime)]


async def test_a_result_that_python_cannot_read_fails_alone(pool: ScriptedPool, ask: Ask) -> None:
    pool.script = [Reply(200, b'{"index":0,"result":1e999}\n' + ok(1))]
    first, second = await ask(pool.url, ["0", "1"])
    assert (first.error.name, second.result) == ("conversion_error", 1)


def made(items: Iterable[Item]) -> list[Part]:
    found = list(parts(items))
    assert not [part for part in found if isinstance(part, bytes)]
    return [part for part in found if isinstance(part, Part)]


def test_a_part_is_no_larger_than_what_a_server_reads_ahead() -> None:
    assert LARGEST < AHEAD
    items = ["x" * size for size in (10, 100_000, 100_000, 5, 2_000_000, 5)]
    found = made(items)
    assert [part.first for part in found] == [0, 2, 4, 5]
    for part in found:
        body = part.request.body or b""
        assert len(body) <= LARGEST or body.count(b"\n") == 1


def test_a_part_has_so_many_lines_at_most() -> None:
    found = made(["1"] * (2 * MOST + 1))
    assert sum((part.request.body or b"").count(b"\n") for part in found) == 2 * MOST + 1
    assert max((part.request.body or b"").count(b"\n") for part in found) <= MOST


def test_items_are_not_read_before_they_are_needed(pool: ScriptedPool) -> None:
    taken: list[int] = []

    def items() -> Iterator[str]:
        for number in range(10 * MOST):
            taken.append(number)
            yield "1"

    pool.script = [Reply(200, ok(0))]
    with Client(pool.url) as client:
        answers = client.batch(items())
        assert taken == []
        assert next(answers).result == 1
        assert 0 < len(taken) <= MOST


def test_answers_come_in_pieces() -> None:
    part = Part(10, [b"{}"] * 2)
    data = ok(1) + ok(0)
    found = [answer for at in range(len(data)) for answer in part.read(data[at : at + 1])]
    assert [json.loads(answer)["index"] for answer in found] == [11, 10]
    assert list(part.end()) == []
