"""Batches of the clients, of LocalPool and of the command line against real pools."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from tests.local.running import RunningPool, until
from tyrex_pool import AsyncClient, BlockingLocalPool, Client, LocalPool
from tyrex_pool.client import BatchAnswer
from tyrex_pool.model.batch import Item

SPEC: dict[str, Any] = {"size": 2, "queue": {"length": 4}, "limits": {"request": "2Mi"}}
SLOW = "new Promise((ok) => setTimeout(ok, 100, 'slow'))"
ITEMS: list[Item] = [
    "1 + 1",
    {"function": "Math.max", "args": [1, 5]},
    {"code": "throw {a: 1}", "key": "k"},
    {"code": "for (;;) {}", "timeoutMs": 100},
    b"nonsense",
    {"code": "const n: number = 6; n", "language": "typescript"},
    "x" * 2_100_000,
    "'y'.repeat(1000000).length",
]


@pytest.fixture
def url(pool: RunningPool) -> str:
    return f"http://127.0.0.1:{pool.port}"


def check(answers: list[BatchAnswer], *, limited: bool = True) -> None:
    """They are those to ITEMS; `limited`: by limits.request, which a pool without HTTP has not."""
    found = {answer.index: answer for answer in answers}
    assert sorted(found) == list(range(len(ITEMS)))
    assert [found[index].result for index in (0, 1, 5, 7)] == [2, 5, 6, 1_000_000]
    failed = {index: answer.error.name for index, answer in found.items() if answer.error is not None}
    last = "payload_too_large" if limited else "execution_error"
    assert failed == {2: "execution_error", 3: "timeout", 4: "invalid_request", 6: last}
    assert found[2].error is not None
    assert found[2].error.value == {"a": 1}
    assert int(found[0].epoch) > 0


def test_blocking(url: str) -> None:
    with Client(url) as client:
        check(list(client.batch(ITEMS)))
        assert client.eval("1") == 1


async def test_awaited(url: str) -> None:
    async def items() -> AsyncIterator[Item]:
        for item in ITEMS:
            yield item

    async with AsyncClient(url) as client:
        check([answer async for answer in client.batch(ITEMS)])
        check([answer async for answer in client.batch(items())])
        assert await client.eval("1") == 1


async def test_in_a_local_pool() -> None:
    async with LocalPool(**SPEC) as pool:
        check([answer async for answer in pool.batch(ITEMS)], limited=False)
        assert await pool.eval("1") == 1


def test_in_a_blocking_local_pool() -> None:
    with BlockingLocalPool(**SPEC) as pool:
        check(list(pool.batch(ITEMS)), limited=False)
        with closing(pool.batch(["1", "2"])) as answers:
            assert next(answers).error is None
        assert pool.eval("1") == 1


async def test_many_through_every_way(url: str) -> None:
    count = 3_000
    codes = [f"{number}" for number in range(count)]
    with Client(url) as blocking:
        found = [await asyncio.to_thread(lambda: [answer.result for answer in blocking.batch(codes)])]
    async with AsyncClient(url) as client, LocalPool(**SPEC) as pool:
        found += [[answer.result async for answer in way.batch(codes)] for way in (client, pool)]
    for results in found:
        assert sorted(results) == list(range(count))


async def test_many_batches_of_one_client_at_once(url: str) -> None:
    async with AsyncClient(url) as client:

        async def one(number: int) -> int:
            return sum([answer.result async for answer in client.batch([f"{number}"] * 50)])

        assert await asyncio.gather(*map(one, range(30))) == [50 * number for number in range(30)]


async def test_whoever_stops_taking_answers_stops_the_rest(pool: RunningPool, url: str) -> None:
    async with AsyncClient(url) as client:
        async with aclosing(client.batch([SLOW] * 100)) as answers:
            async for answer in answers:
                assert answer.result == "slow"
                break
        until(lambda: pool.status()["inFlight"] == pool.status()["queued"] == 0, 3)
        assert await client.eval("1") == 1


async def test_a_local_pool_drops_what_nobody_takes() -> None:
    async with LocalPool(**SPEC) as pool:
        taken = 0

        def items() -> Iterator[str]:
            nonlocal taken
            for _ in range(1000):
                taken += 1
                yield SLOW

        async with aclosing(pool.batch(items())) as answers:
            async for answer in answers:
                assert answer.result == "slow"
                break
        assert taken < 30
        async with asyncio.timeout(3):
            while pool.status()["inFlight"]:
                await asyncio.sleep(0.01)


async def test_a_local_pool_that_is_busy_is_waited_for() -> None:
    async with LocalPool(size=1, queue={"length": 1}) as pool:
        others = [asyncio.ensure_future(pool.eval(SLOW)) for _ in range(2)]
        await asyncio.sleep(0)
        results = [answer.result async for answer in pool.batch(["1", "2", "3"])]
        assert sorted(results) == [1, 2, 3]
        assert await asyncio.gather(*others) == ["slow", "slow"]


def evaluating(url: str, *words: str, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tyrex_pool", "eval", "--url", url, "--batch", *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)


def test_a_file_on_the_command_line(url: str, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("".join(f'{{"code": "{number}"}}\n' for number in range(2000)) + '{"code": "throw 1"}')
    with evaluating(url, str(file)) as command:
        out, _ = command.communicate(timeout=30)
    answers = {answer["index"]: answer for answer in map(json.loads, out.splitlines())}
    assert command.returncode == 1
    assert [answers[number]["result"] for number in range(2000)] == list(range(2000))
    assert answers[2000]["name"] == "execution_error"


def test_a_pipe_on_the_command_line_is_answered_line_by_line(url: str) -> None:
    with evaluating(url, "-", stdin=subprocess.PIPE) as command:
        assert command.stdin is not None
        assert command.stdout is not None
        for number in range(3):
            command.stdin.write(f'{{"code": "{number}"}}\n')
            command.stdin.flush()
            answer = json.loads(command.stdout.readline())
            assert (answer["index"], answer["result"]) == (number, number)
        command.stdin.close()
        assert command.wait(10) == 0


def test_ctrl_c_while_nothing_comes(url: str) -> None:
    with evaluating(url, "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdin is not None
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdin.write('{"code": "1"}\n')
        command.stdin.flush()
        assert command.stdout.readline()
        command.send_signal(signal.SIGINT)
        assert command.wait(10) == 130
        assert command.stderr.read() == ""
