"""Client and AsyncClient against a real server; tests/unit/client has what a server may say to them."""

import asyncio

import pytest

from tests.local.running import RunningPool
from tyrex_pool import AsyncClient, Client, EvalTimeout, ExecutionError, NoRuntime, PayloadTooLarge, UnknownFunction

SPEC = {"size": 2, "strategy": {"type": "Hash"}, "mainModule": {"inline": "globalThis.add = (a, b) => a + b"}}


@pytest.fixture
def url(pool: RunningPool) -> str:
    return f"http://127.0.0.1:{pool.port}"


def test_blocking(url: str) -> None:
    with Client(url) as client:
        assert client.eval("1 + 2") == 3
        assert client.call("add", "é", "😀") == "é😀"
        assert client.eval("enum A { B = 5 } A.B", key="a", timeout=2.0, language="typescript") == 5
        answer = client.eval_response("'\\ud83d'", key="a")
        assert answer.result == "\ud83d"
        assert answer.runtime == client.explain("a")["runtime"]
        assert int(answer.epoch) in [runtime["epoch"] for runtime in client.pool()["runtimes"]]
        with pytest.raises(ExecutionError) as raised:
            client.eval("throw {code: 7}")
        assert (raised.value.value, raised.value.fault, raised.value.retryable) == ({"code": 7}, "guest", False)
        with pytest.raises(EvalTimeout):
            client.eval("for (;;) {}", timeout=0.1)
        with pytest.raises(UnknownFunction):
            client.call("nowhere")
        with pytest.raises(PayloadTooLarge):
            client.eval("x" * 2_000_000)
        assert client.eval("1") == 1


async def test_awaited(url: str) -> None:
    async with AsyncClient(url) as client:
        assert await asyncio.gather(*(client.eval(f"{n} * 2") for n in range(50))) == [n * 2 for n in range(50)]
        assert await client.call("add", 1, 2, timeout=1) == 3
        assert (await client.pool())["name"] == "test"
        assert (await client.explain("a"))["runtime"] == (await client.eval_response("1", key="a")).runtime
        with pytest.raises(ExecutionError, match="no"):
            await client.eval("throw new Error('no')")


async def test_a_cancelled_task_drops_its_eval(pool: RunningPool, url: str) -> None:
    async def load() -> tuple[int, int]:
        status = await client.pool()
        return status["inFlight"], status["queued"]

    async def until_load_is(expected: tuple[int, int]) -> None:
        async with asyncio.timeout(10):
            while await load() != expected:
                await asyncio.sleep(0.005)

    async with AsyncClient(url) as client:
        await client.eval("globalThis.ran = 0", key="a")
        slow = asyncio.ensure_future(
            client.eval("const end = Date.now() + 300; while (Date.now() < end); 'slow'", key="a")
        )
        await until_load_is((1, 0))
        waiting = asyncio.ensure_future(client.eval("ran = 1", key="a"))
        await until_load_is((1, 1))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await slow == "slow"
        assert await client.eval("ran", key="a") == 0


def test_nobody_there() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(NoRuntime):
        client.eval("1")
