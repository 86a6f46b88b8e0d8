"""LocalPool in a program of one's own, on asyncio's loop and on uvloop."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop

import tyrex_pool
from tyrex_pool import (
    ConversionError,
    DeadRuntimeError,
    EvalTimeout,
    ExecutionError,
    HeapLimitError,
    InvalidRequest,
    InvalidSpec,
    InvalidStrategy,
    LocalPool,
    NoRuntime,
    Overloaded,
    PromiseRejection,
    QueueTimeout,
    StrategyError,
    TyrexError,
    UnknownFunction,
)
from tyrex_pool.dispatch.strategy import Runtime

Run = Callable[[Coroutine[Any, Any, Any]], Any]
ADD = "globalThis.add = (a: number, b: number) => a + b; globalThis.count = 0; globalThis.next = () => ++count;"
SLOW = "const end = Date.now() + 150; while (Date.now() < end); 'slow'"


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    runner: Run = request.param
    return runner


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def test_the_contract(run: Run) -> None:
    async def main() -> None:
        async with LocalPool(size=2, strategy="Hash", inline=ADD) as pool:
            assert await pool.eval("1 + 2", key="user-1", timeout=2.0) == 3
            assert await pool.call("add", 1, 2) == 3
            assert await pool.call("add", "é", "😀", key="user-1", timeout=1) == "é😀"
            assert await pool.eval("enum A { B = 5 } A.B", language="typescript") == 5
            assert await pool.eval("undefined") is None
            assert [await pool.call("next", key="user-1") for _ in range(3)] == [1, 2, 3]
            assert await asyncio.gather(*(pool.eval(f"{n} * 2") for n in range(50))) == [n * 2 for n in range(50)]

    run(main())


RAISED: list[Any] = [
    pytest.param("throw {code: 7}", {}, ExecutionError, id="a throw"),
    pytest.param("1 +", {}, ExecutionError, id="a syntax error"),
    pytest.param("Promise.reject(new Error('no'))", {}, PromiseRejection, id="a rejection"),
    pytest.param("() => 1", {}, ConversionError, id="a function"),
    pytest.param("for (;;) {}", {"timeout": 0.1}, EvalTimeout, id="a loop"),
    pytest.param(
        "const a = []; for (;;) a.push(new Array(1e5).fill(1.5))", {}, HeapLimitError, id="an allocation loop"
    ),
    pytest.param("Deno.exit(0)", {}, DeadRuntimeError, id="an exit"),
    pytest.param("1", {"timeout": 0}, InvalidRequest, id="no time"),
    pytest.param("1", {"timeout": 61}, InvalidRequest, id="too much time"),
    pytest.param("1", {"timeout": float("nan")}, InvalidRequest, id="no number"),
    pytest.param("1", {"language": "python"}, InvalidRequest, id="an unknown language"),
]


def test_errors_are_classes(run: Run) -> None:
    async def main() -> None:
        async with LocalPool(size=1, limits={"heap": "64Mi"}) as pool:
            for param in RAISED:
                code, options, kind = param.values
                with pytest.raises(TyrexError) as raised:
                    await pool.eval(code, **options)
                error = raised.value
                assert type(error) is kind, (param.id, error)
                assert (error.name, error.retryable) == (kind.name, False)
                assert await pool.eval("1") == 1
            with pytest.raises(UnknownFunction):
                await pool.call("nowhere")

    run(main())


async def test_what_an_error_carries() -> None:
    async with LocalPool(size=1) as pool:
        with pytest.raises(ExecutionError) as raised:
            await pool.eval("throw Object.assign(new TypeError('no'), {code: 7})")
        error = raised.value
        assert (str(error), error.value) == ("TypeError: no", {"code": 7})
        assert (str(error.fault), error.retryable) == ("guest", False)
        assert error.stack is not None
        assert error.stack.startswith("TypeError: no\n")
        with pytest.raises(DeadRuntimeError) as died:
            await pool.eval("Deno.exit(3)")
        assert str(died.value.fault) == "guest"


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
UNSENDABLE: list[Any] = [
    pytest.param("call", ["later", object()], {}, id="an argument that JSON has not"),
    pytest.param("call", ["later", CYCLE], {}, id="an argument that holds itself"),
    pytest.param("call", ["la\ud83dter"], {}, id="half a surrogate pair in a name"),
    pytest.param("eval", ["'\ud83d'"], {}, id="half a surrogate pair in code"),
    pytest.param("eval", [7], {}, id="code that is no text"),
    pytest.param("call", [7], {}, id="a name that is no text"),
    pytest.param("eval", ["1"], {"key": 7}, id="a key that is no text"),
]


@pytest.mark.parametrize(("method", "args", "options"), UNSENDABLE)
async def test_what_cannot_be_sent_is_refused_and_spoils_nothing(
    method: str, args: list[Any], options: dict[str, Any]
) -> None:
    inline = "globalThis.later = (x: unknown) => x"
    async with LocalPool(size=1, strategy="Hash", inline=inline, timeouts={"drain": "1s"}) as pool:
        slow = asyncio.ensure_future(pool.eval(SLOW))
        await until(lambda: pool.status()["inFlight"] == 1)
        with pytest.raises(InvalidRequest):
            await getattr(pool, method)(*args, **options)
        assert pool.status()["queued"] == 0
        assert await slow == "slow"
        with pytest.raises(InvalidRequest):
            await getattr(pool, method)(*args, **options)
        assert pool.status()["inFlight"] == 0
        assert await pool.call("later", "\ud83d") == "\ud83d", "in an argument it is data"


async def test_the_default_size() -> None:
    async with LocalPool() as pool:
        assert pool.status()["size"] == (os.cpu_count() or 1)
        assert pool.status()["strategy"]["type"] == "RoundRobin"


async def test_permissions() -> None:
    read = "Deno.readTextFileSync('/etc/hostname').length > 0"
    async with LocalPool(size=1) as pool:
        with pytest.raises(ExecutionError, match="NotCapable"):
            await pool.eval(read)
    async with LocalPool(size=1, permissions={"allow": {"read": ["/etc/hostname"]}}) as pool:
        assert await pool.eval(read)
        with pytest.raises(ExecutionError, match="NotCapable"):
            await pool.eval("Deno.readTextFileSync('/etc/passwd')")


class Last:
    """Always the last one; refuses the key "none", fails for "raise"."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []
        self.closed = 0

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if key == "raise":
            raise LookupError(key)
        self.seen.append(tuple(runtime.in_flight for runtime in runtimes))
        return None if key == "none" else runtimes[-1]

    def close(self) -> None:
        self.closed += 1


async def test_a_strategy_of_ones_own() -> None:
    strategy = Last()
    async with LocalPool(size=3, strategy=strategy, inline=ADD) as pool:
        assert [await pool.call("next") for _ in range(4)] == [1, 2, 3, 4]
        with pytest.raises(StrategyError, match="LookupError: raise"):
            await pool.eval("1", key="raise")
        with pytest.raises(NoRuntime):
            await pool.eval("1", key="none")
        assert strategy.seen[:4] == [(0, 0, 0)] * 4
        assert strategy.closed == 0
    assert strategy.closed == 1


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        pytest.param({"strategy": "round_robin"}, InvalidSpec, "spec.strategy.type", id="an unknown strategy"),
        pytest.param({"strategy": object()}, InvalidStrategy, "select", id="an object that selects nothing"),
        pytest.param({"strategy": Last}, InvalidStrategy, "pass an object", id="a class"),
        pytest.param({"permissions": {"dney": {}}}, InvalidSpec, "spec.permissions.dney", id="a misspelled deny"),
        pytest.param({"size": -1}, InvalidSpec, "spec.size", id="a negative size"),
        pytest.param({"timeouts": {"eval": "soon"}}, InvalidSpec, "spec.timeouts.eval", id="no duration"),
        pytest.param({"nonsense": 1}, InvalidSpec, "spec.nonsense", id="an unknown option"),
        pytest.param({"inline": "'\ud83d'"}, InvalidSpec, "spec.mainModule.inline", id="half a surrogate pair"),
        pytest.param({"nonsense\ud83d": 1}, InvalidSpec, "without lone surrogates", id="an option that is half a pair"),
        pytest.param({"inline": "1", "main_module": "a.ts"}, InvalidSpec, "spec.mainModule", id="two main modules"),
    ],
)
def test_what_is_refused_at_once(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        LocalPool(**options)


async def test_a_main_module_that_fails() -> None:
    with pytest.raises(NoRuntime, match="not today"):
        async with LocalPool(size=1, inline="throw new Error('not today')"):
            pass


async def test_a_main_module_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text(ADD)
    async with LocalPool(size=1, main_module=tmp_path / "main.ts") as pool:
        assert await pool.call("add", 1, 2) == 3


async def test_a_full_queue_and_one_that_takes_too_long() -> None:
    async with LocalPool(size=1, queue={"length": 1}) as pool:
        slow = asyncio.ensure_future(pool.eval(SLOW))
        await until(lambda: pool.status()["inFlight"] == 1)
        waiting = asyncio.ensure_future(pool.eval("1", timeout=0.05))
        await until(lambda: pool.status()["queued"] == 1)
        with pytest.raises(Overloaded):
            await pool.eval("1")
        with pytest.raises(QueueTimeout):
            await waiting
        assert await slow == "slow"


def test_a_cancelled_task_drops_its_eval(run: Run) -> None:
    async def main() -> None:
        async with LocalPool(size=1, inline="globalThis.ran = 0") as pool:
            for _ in range(3):  # so that nothing is staged: a slow one sets the pace
                await pool.eval("const end = Date.now() + 30; while (Date.now() < end); 1")
            slow = asyncio.ensure_future(pool.eval(SLOW))
            await until(lambda: pool.status()["inFlight"] == 1)
            waiting = asyncio.ensure_future(pool.eval("ran = 1"))
            await until(lambda: pool.status()["queued"] == 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await until(lambda: pool.status()["queued"] == 0)
            assert await slow == "slow"
            assert await pool.eval("ran") == 0

    run(main())


def test_a_cancelled_task_whose_eval_runs(run: Run) -> None:
    async def main() -> None:
        async with LocalPool(size=1, inline="globalThis.ran = 0") as pool:
            slow = asyncio.ensure_future(pool.eval(f"{SLOW}; ran = 1"))
            await until(lambda: pool.status()["inFlight"] == 1)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            assert await pool.eval("ran") == 1, "it goes on unheard"

    run(main())


def test_close(run: Run) -> None:
    async def main() -> None:
        pool = LocalPool(size=1)
        with pytest.raises(RuntimeError, match="not open"):
            await pool.eval("1")
        async with pool:
            slow = asyncio.ensure_future(pool.eval(SLOW))
            await until(lambda: pool.status()["inFlight"] == 1)
        assert await slow == "slow", "closing lets it end"
        await pool.close()
        with pytest.raises(RuntimeError, match="not open"):
            await pool.eval("1")
        async with pool:
            assert await pool.eval("1") == 1, "it may be opened again"

    run(main())


async def test_close_does_not_wait_for_ever() -> None:
    async with LocalPool(size=1, timeouts={"drain": "100ms"}) as pool:
        loop = asyncio.ensure_future(pool.eval("for (;;) {}"))
        waiting = asyncio.ensure_future(pool.eval("1"))
        await until(lambda: pool.status()["inFlight"] == 1)
    with pytest.raises(DeadRuntimeError) as died:
        await loop
    assert died.value.fault == "platform"
    with pytest.raises(NoRuntime):
        await waiting


def test_a_cancelled_close_leaves_no_process(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def main() -> None:
        pool = LocalPool(size=2, timeouts={"drain": "30s"})
        async with pool:
            slow = asyncio.ensure_future(pool.eval("new Promise((ok) => setTimeout(ok, 4000))"))
            await until(lambda: pool.status()["inFlight"] == 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.close(), 0.05)
            with pytest.raises(DeadRuntimeError):
                await slow
            await until(lambda: children() == set())
            assert entries(tmp_path) == []

    run(main())


UNREADABLE = [
    pytest.param("let a = []; for (let i = 0; i < 2000; i++) a = [a]; {0} a", id="nested deeply"),
    pytest.param("const a = {{x: JSON.rawJSON('1e999')}}; {0} a", id="a number out of range"),
    pytest.param("const a = {{x: JSON.rawJSON('1'.repeat(5000))}}; {0} a", id="a number of 5,000 digits"),
]


@pytest.mark.parametrize("code", UNREADABLE)
async def test_values_that_only_javascript_reads(code: str) -> None:
    async with LocalPool(size=1) as pool:
        epoch = pool.status()["runtimes"][0]["epoch"]
        with pytest.raises(ConversionError):
            await pool.eval(code.format(""))
        with pytest.raises(ExecutionError):
            await pool.eval(code.format("throw"))
        assert await pool.eval("1 + 2") == 3
        assert pool.status()["runtimes"][0]["epoch"] == epoch


@pytest.mark.parametrize(
    "name",
    [
        pytest.param('a"b', id="a quote"),
        pytest.param("x\r\ny: z", id="a header of its own"),
        pytest.param("ü", id="a letter that headers have not"),
        pytest.param("a" * 300, id="too long"),
    ],
)
async def test_names_that_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InvalidSpec, match="name"):
        async with LocalPool(size=1, name=name):
            pass
    assert children() == set()
    assert entries(tmp_path) == []


def test_nothing_is_left(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def main() -> None:
        async with LocalPool(size=2) as pool:
            assert await pool.eval("1") == 1
            assert entries(tmp_path)

    before = open_files()
    run(main())
    assert entries(tmp_path) == []
    assert children() == set()
    assert open_files() <= before


def children() -> set[str]:
    folder = Path("/proc/self/task")
    return {pid for task in folder.glob("*/children") for pid in task.read_text().split()}


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


async def test_two_pools_at_a_time() -> None:
    async with LocalPool(size=1, inline=ADD) as one, LocalPool(size=1, inline=ADD) as two:
        assert [await one.call("next"), await one.call("next"), await two.call("next")] == [1, 2, 1]


def test_it_is_public() -> None:
    assert tyrex_pool.LocalPool is LocalPool
    assert set(tyrex_pool.__all__) >= {"LocalPool", "Client", "AsyncClient", "TyrexError"}
