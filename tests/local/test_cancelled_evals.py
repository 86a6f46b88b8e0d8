"""Evals that nobody waits for any more: they hold up no end, and keep their runtime for a short grace only."""

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.conftest import Start
from tests.local.programs import ROOT
from tests.local.running import replacements, until
from tyrex_pool import DeadRuntimeError, LocalPool, NoRuntime

LOOP = "for (;;) {}"
FOREVER = "new Promise(() => {})"
LONG = 50.0
"""Seconds that these evals may take: longer than the tests wait."""


async def became(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("code", [LOOP, FOREVER, "const end = Date.now() + 20_000; while (Date.now() < end);"])
@pytest.mark.parametrize("evals", [1, 2, 5])
async def test_a_timeout_around_evals_does_not_hold_up_the_end(code: str, evals: int) -> None:
    """More evals than runtimes: some wait when they are cancelled."""
    async with asyncio.timeout(20):
        async with LocalPool(size=2) as pool:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await asyncio.gather(*(pool.eval(code, timeout=LONG) for _ in range(evals)))


async def test_one_that_is_awaited_still_ends() -> None:
    async with LocalPool(size=2) as pool:
        left = asyncio.ensure_future(pool.eval(LOOP, timeout=LONG))
        awaited = asyncio.ensure_future(pool.eval("new Promise((ok) => setTimeout(ok, 300, 7))", timeout=LONG))
        await became(lambda: pool.status()["inFlight"] == 2)
        left.cancel()
    assert awaited.done()
    assert await awaited == 7


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_leaving_the_block_by_a_cancellation_ends_at_once(kind: type[BaseException]) -> None:
    async with asyncio.timeout(20):
        pool = await LocalPool(size=1).open()
        task = asyncio.ensure_future(pool.eval(FOREVER, timeout=LONG))
        await became(lambda: pool.status()["inFlight"])
        await pool.__aexit__(kind, kind(), None)
        with pytest.raises((DeadRuntimeError, NoRuntime), match="the pool was stopped"):  # it may not have begun
            await task


async def test_leaving_the_block_by_an_error_lets_evals_end() -> None:
    pool = await LocalPool(size=1).open()
    task = asyncio.ensure_future(pool.eval("new Promise((ok) => setTimeout(ok, 300, 7))"))
    await became(lambda: pool.status()["inFlight"])
    await pool.__aexit__(LookupError, LookupError(), None)
    assert await task == 7


INTERRUPTED = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in what a shell runs in the background
from tyrex_pool import LocalPool

async def main():
    async with LocalPool(size=1) as pool:
        async def tell():
            while not pool.status()["inFlight"]:
                await asyncio.sleep(0.01)
            print("ready", flush=True)
        telling = asyncio.ensure_future(tell())
        %s

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "wait",
    [
        pytest.param("await pool.eval('for (;;) {}', timeout=50)", id="in-an-eval"),
        pytest.param("await asyncio.gather(*(pool.eval('for (;;) {}', timeout=50) for _ in '123'))", id="in-several"),
        pytest.param(
            "task = asyncio.ensure_future(pool.eval('for (;;) {}', timeout=50)); await asyncio.sleep(50)",
            id="beside-a-task",
        ),
        pytest.param("t = asyncio.ensure_future(pool.eval('for (;;) {}', timeout=50)); await telling", id="in-close"),
        pytest.param("with __import__('contextlib').suppress(asyncio.CancelledError): "
                     "await pool.eval('new Promise(() => {})', timeout=50)", id="suppressed"),
    ],
)  # fmt: skip
def test_ctrl_c(wait: str, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED % wait],
        cwd=ROOT / "operator", env={"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=20)
    finally:
        program.kill()
        program.wait()
    assert program.returncode in (0, 1, -signal.SIGINT, 130)
    assert "Task was destroyed" not in errors
    assert list(tmp_path.glob("tyrex-pool-*")) == []


@pytest.mark.parametrize("code", [LOOP, FOREVER])
async def test_the_isolate_of_a_cancelled_eval_is_replaced(code: str) -> None:
    async with LocalPool(size=1, inline="globalThis.state = 1") as pool:
        before = pool.status()["runtimes"][0]["epoch"]
        task = asyncio.ensure_future(pool.eval(f"state = 2; {code}", timeout=LONG))
        await became(lambda: pool.status()["inFlight"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pool.eval("state", timeout=20) == 1, "the next one waits for the grace and no longer"
        assert pool.status()["runtimes"][0]["epoch"] > before
        assert pool.status()["lastError"] is None, "nobody got an error"


async def test_one_that_ends_within_the_grace_costs_no_state() -> None:
    async with LocalPool(size=1, inline="globalThis.state = 1") as pool:
        for _ in range(5):
            task = asyncio.ensure_future(pool.eval("state++; new Promise((ok) => setTimeout(ok, 50))", timeout=LONG))
            await became(lambda: pool.status()["inFlight"])
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await became(lambda: not pool.status()["inFlight"])
        assert await pool.eval("state", timeout=20) == 6


async def test_a_deadline_before_the_grace_holds() -> None:
    async with LocalPool(size=1) as pool:
        task = asyncio.ensure_future(pool.eval(LOOP, timeout=0.2))
        await became(lambda: pool.status()["inFlight"])
        task.cancel()
        assert await pool.eval("1", timeout=20) == 1


async def test_beside_others_it_goes_on() -> None:
    """With `concurrency` the isolate's end would cost the evals beside it."""
    async with LocalPool(size=1, concurrency=2, timeouts={"drain": "0s"}) as pool:
        left = asyncio.ensure_future(pool.eval(FOREVER, timeout=LONG))
        awaited = asyncio.ensure_future(pool.eval("new Promise((ok) => setTimeout(ok, 1500, 7))", timeout=20))
        await became(lambda: pool.status()["inFlight"] == 2)
        left.cancel()
        assert await awaited == 7


async def test_many_that_are_cancelled_while_others_go_on() -> None:
    async with LocalPool(size=2) as pool:
        tasks = [asyncio.ensure_future(pool.eval(LOOP if n % 10 == 0 else f"{n}", timeout=LONG)) for n in range(60)]
        await became(lambda: pool.status()["inFlight"] == 2)
        for task in tasks[::10]:
            task.cancel()
        answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 40)
        for n, answer in enumerate(answers):
            assert isinstance(answer, asyncio.CancelledError) if n % 10 == 0 else answer == n, n


def test_a_client_that_leaves_frees_the_runtime(start: Start) -> None:
    pool = start(size=1, timeouts={"eval": "50s"})
    before = pool.epochs()
    with pytest.raises(httpx.ReadTimeout):
        pool.http.post("/v1/eval", json={"code": LOOP}, timeout=0.3)
    assert pool.eval("1 + 2", timeoutMs=20_000) == 3
    assert pool.epochs() != before
    until(lambda: replacements(pool).get("cancelled") == 1)


# Opening


async def test_open_and_close() -> None:
    pool = LocalPool(size=1, name="mine")
    assert await pool.open() is pool
    assert await pool.eval("1 + 2") == 3
    await pool.close()
    await pool.close()
    with pytest.raises(RuntimeError, match="not open"):
        await pool.eval("1")
    await pool.open()
    assert await pool.eval("1 + 2") == 3
    await pool.close()


@pytest.mark.parametrize("way", ["__aenter__", "open"])
@pytest.mark.parametrize("before", ["__aenter__", "open"])
async def test_opening_it_twice_is_an_error(before: str, way: str) -> None:
    pool = LocalPool(size=1, name="mine")
    await getattr(pool, before)()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the pool 'mine' is open already"):
            await getattr(pool, way)()
    assert await pool.eval("1 + 2") == 3, "it is none the worse"
    await pool.close()
    with pytest.raises(RuntimeError, match="not open"):
        pool.status()


async def test_opening_it_twice_at_once() -> None:
    pool = LocalPool(size=1)
    answers = await asyncio.gather(*(pool.open() for _ in range(3)), return_exceptions=True)
    assert sum(answer is pool for answer in answers) == 1
    assert sum(isinstance(answer, RuntimeError) for answer in answers) == 2
    await pool.close()


async def test_opening_it_again_after_it_failed(tmp_path: Path) -> None:
    module = tmp_path / "main.ts"
    module.write_text("throw new Error('not yet')")
    pool = LocalPool(size=1, main_module=module)
    for _ in range(2):
        with pytest.raises(Exception, match="not yet"):
            await pool.open()
    module.write_text("globalThis.there = 1")
    async with pool:
        assert await pool.eval("there") == 1
