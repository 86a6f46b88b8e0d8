"""A LocalPool belongs to the process, thread and event loop that opened it: what happens elsewhere, and at its end.

Each program is a process of its own, whose temporary folder must be empty afterwards.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.local.programs import run_python

PRELUDE = """
import asyncio, gc, multiprocessing, os, sys, tempfile, threading, time, trio, uvloop
from pathlib import Path
from tyrex_pool import LocalPool, TyrexError

def children():
    return {pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()}

def files():
    return list(Path(tempfile.gettempdir()).glob("tyrex-pool-*"))

def refused(work, said):
    try:
        work()
    except RuntimeError as error:
        assert said in str(error), error
    else:
        raise AssertionError("it was not refused")

def forked(work):
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            print("child:", repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def in_thread(work):
    failures = []
    def run():
        try:
            work()
        except BaseException as error:
            failures.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not failures, failures

def asked(method, *args):
    async def main():
        return await getattr(pool, method)(*args)
    return lambda: asyncio.run(main())

async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)

pool = LocalPool(size=2, name="mine", inline="globalThis.count = 0; globalThis.next = () => ++count")
"""


def run(program: str, folder: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    environment = {"TMPDIR": str(folder), "PATH": os.environ["PATH"], "HOME": str(folder)}
    done = run_python(*flags, "-c", f"{PRELUDE}\n{program}", env=environment)
    assert done.returncode == 0, done.stderr
    assert list(folder.glob("tyrex-pool-*")) == []
    return done


FORK = "a fork of it"
METHODS = [
    pytest.param("asked('eval', '1')", id="eval"),
    pytest.param("asked('call', 'next')", id="call"),
    pytest.param("asked('close')", id="close"),
    pytest.param("asked('open')", id="open"),
    pytest.param("pool.status", id="status"),
    pytest.param("pool.explain", id="explain"),
    pytest.param("asked('__aexit__', None, None, None)", id="leaving"),
]


@pytest.mark.parametrize("use", METHODS)
def test_a_forked_child_is_refused_and_touches_nothing(use: str, tmp_path: Path) -> None:
    program = f"""
async def main():
    async with pool:
        before = pool.status()
        assert forked(lambda: refused({use}, {FORK!r})) == 0
        assert [await pool.call("next") for _ in range(4)] == [1, 1, 2, 2]
        assert [r["epoch"] for r in pool.status()["runtimes"]] == [r["epoch"] for r in before["runtimes"]]
asyncio.run(main())
"""
    assert run(program, tmp_path).stderr == ""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            "async with pool:\n"
            "    slow = asyncio.ensure_future(pool.eval('new Promise((ok) => setTimeout(ok, 300, 7))'))\n"
            "    await until(lambda: pool.status()['inFlight'])\n"
            "    assert forked(lambda: refused(asked('eval', '1'), 'a fork of it')) == 0\n"
            "    assert await slow == 7",
            id="while-an-eval-runs",
        ),
        pytest.param(
            "async with pool:\n"
            "    work = lambda: refused(asked('eval', '1'), 'fork')\n"
            "    child = multiprocessing.get_context('fork').Process(target=work)\n"
            "    child.start(); child.join(); assert child.exitcode == 0\n"
            "    assert await pool.eval('1') == 1",
            id="multiprocessing",
        ),
        pytest.param(
            "async with pool:\n"
            "    child = os.fork()\n"
            "    if not child:\n"
            "        import atexit\n"
            "        del globals()['pool']; gc.collect(); atexit._run_exitfuncs(); os._exit(0)\n"
            "    assert os.waitpid(child, 0)[1] == 0\n"
            "    assert files() and await pool.eval('1') == 1",
            id="the-child-ends-as-programs-do",
        ),
        pytest.param(
            "async def child():\n"
            "    await pool.__aexit__(SystemExit, None, None)\n"
            "async with pool:\n"
            "    assert forked(lambda: asyncio.run(child())) == 0\n"
            "    assert await pool.eval('1') == 1",
            id="the-child-leaves-by-an-exit",
        ),
        pytest.param(
            "async with pool:\n"
            "    async def own():\n"
            "        async with LocalPool(size=1) as other: assert await other.eval('2') == 2\n"
            "    assert forked(lambda: asyncio.run(own())) == 0\n"
            "    assert await pool.eval('1') == 1",
            id="the-child-has-one-of-its-own",
        ),
        pytest.param(
            "def child():\n"
            "    async def use():\n"
            "        async with pool: assert await pool.eval('2') == 2\n"
            "    asyncio.run(use())\n"
            "assert forked(child) == 0 and forked(child) == 0\n"
            "async with pool: assert await pool.eval('1') == 1",
            id="made-before-and-opened-after",
        ),
    ],
)
def test_forks(program: str, tmp_path: Path) -> None:
    body = "\n".join(f"    {line}" for line in program.splitlines())
    assert run(f"async def main():\n{body}\nasyncio.run(main())", tmp_path).stderr == ""


@pytest.mark.parametrize("use", [param for param in METHODS if param.id not in ("close", "leaving")])
def test_another_thread_is_refused(use: str, tmp_path: Path) -> None:
    program = f"""
async def main():
    async with pool:
        await asyncio.to_thread(in_thread, lambda: refused({use}, "another thread"))
        assert pool.status()["inFlight"] == 0
        assert [await pool.call("next") for _ in range(2)] == [1, 1]
asyncio.run(main())
"""
    assert run(program, tmp_path).stderr == ""


@pytest.mark.parametrize("runner", ["asyncio.run", "uvloop.run"])
@pytest.mark.parametrize("use", [param for param in METHODS if param.id in ("eval", "call", "open")])
def test_a_second_loop_is_refused_and_closes_it(use: str, runner: str, tmp_path: Path) -> None:
    program = f"""
async def first():
    await pool.open()
    assert await pool.call("next") == 1
    pool.stuck = asyncio.ensure_future(pool.eval("for (;;) {{}}", timeout=60))
    await until(lambda: pool.status()["inFlight"])
{runner}(first())
pids = children()
assert pids and files()
refused({use}, "another event loop, which is closed")
assert pool.status()["size"] == 2 and children() == pids
{runner}(pool.close())
assert children() == set() and files() == []
{runner}(pool.close())
async def again():
    async with pool: assert await pool.call("next") == 1
{runner}(again())
"""
    assert run(program, tmp_path).stderr == ""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            "loop = asyncio.new_event_loop()\n"
            "loop.run_until_complete(pool.open())\n"
            "refused(asked('eval', '1'), 'another event loop, which is not the one that runs')\n"
            "assert loop.run_until_complete(pool.eval('1')) == 1\n"
            "asyncio.run(pool.close())\n"
            "loop.close()",
            id="closed-from-another-loop-while-its-own-rests",
        ),
        pytest.param(
            "loop = asyncio.new_event_loop()\n"
            "loop.run_until_complete(pool.open())\n"
            "in_thread(lambda: asyncio.run(pool.close()))\n"
            "loop.close()",
            id="closed-from-a-thread-while-its-loop-rests",
        ),
        pytest.param(
            "async def main():\n"
            "    await pool.open()\n"
            "    slow = asyncio.ensure_future(pool.eval('new Promise((ok) => setTimeout(ok, 200, 7))'))\n"
            "    await until(lambda: pool.status()['inFlight'])\n"
            "    await asyncio.to_thread(lambda: asyncio.run(pool.close()))\n"
            "    assert await slow == 7, 'as ever, it lets evals end'\n"
            "asyncio.run(main())",
            id="closed-from-a-thread-while-its-loop-runs",
        ),
        pytest.param(
            "in_thread(lambda: asyncio.run(pool.open()))\nasyncio.run(pool.close())",
            id="opened-in-a-thread-that-is-over",
        ),
        pytest.param("refused(lambda: trio.run(pool.open), 'event loop of asyncio')", id="trio"),
        pytest.param(
            "async def main():\n"
            "    async with pool:\n"
            "        refused_too = []\n"
            "        def other():\n"
            "            async def use():\n"
            "                try: await pool.eval('1')\n"
            "                except RuntimeError: refused_too.append(1)\n"
            "            asyncio.run(use())\n"
            "        await asyncio.gather(*(asyncio.to_thread(other) for _ in range(8)))\n"
            "        assert len(refused_too) == 8 and await pool.eval('1') == 1\n"
            "asyncio.run(main())",
            id="many-threads",
        ),
    ],
)
def test_other_loops_and_threads(program: str, tmp_path: Path) -> None:
    done = run(f"{program}\nassert children() == set() and files() == []", tmp_path)
    assert done.stderr == ""


FORGOTTEN = [
    pytest.param("asyncio.run(pool.open())", id="until-the-end-of-the-program"),
    pytest.param("uvloop.run(pool.open())", id="uvloop"),
    pytest.param("asyncio.run(pool.open()); del pool; gc.collect(); assert not children()", id="collected"),
    pytest.param(
        "async def main():\n"
        "    global pool\n"
        "    await pool.open(); await pool.eval('1')\n"
        "    del pool; gc.collect()\n"
        "    await until(lambda: not children() and not files())\n"
        "asyncio.run(main())",
        id="collected-while-its-loop-runs",
    ),
    pytest.param(
        "async def main():\n"
        "    global pool\n"
        "    await pool.open()\n"
        "    del pool; await asyncio.to_thread(gc.collect)\n"
        "    await until(lambda: not children() and not files())\n"
        "asyncio.run(main())",
        id="collected-in-another-thread",
    ),
    pytest.param("loop = asyncio.new_event_loop(); loop.run_until_complete(pool.open())", id="a-loop-that-rests"),
    pytest.param("in_thread(lambda: asyncio.run(pool.open()))", id="of-a-thread"),
    pytest.param(
        "async def main():\n"
        "    await pool.open()\n"
        "    global task; task = asyncio.ensure_future(pool.eval('for (;;) {}', timeout=60))\n"
        "    await until(lambda: pool.status()['inFlight'])\n"
        "asyncio.run(main())",
        id="with-an-eval",
    ),
]


@pytest.mark.parametrize("program", FORGOTTEN)
def test_a_pool_that_is_never_closed_ends_with_a_warning(program: str, tmp_path: Path) -> None:
    done = run(program, tmp_path, "-W", "ignore", "-W", "always:the LocalPool:ResourceWarning")
    assert done.stderr.count("ResourceWarning: the LocalPool 'mine' was never closed") == 1
    assert "Traceback" not in done.stderr


def test_a_pool_that_was_closed_is_no_reason_for_a_warning(tmp_path: Path) -> None:
    program = """
async def main():
    async with pool: pass
    await pool.open(); await pool.close(); await pool.close()
asyncio.run(main()); del pool; gc.collect()
"""
    assert run(program, tmp_path, "-W", "ignore", "-W", "always:the LocalPool:ResourceWarning").stderr == ""
