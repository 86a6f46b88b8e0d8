"""BlockingLocalPool: the methods of LocalPool for programs without asyncio."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.local.programs import ROOT, run_python
from tests.local.running import until
from tyrex_pool import (
    BlockingLocalPool,
    EvalTimeout,
    ExecutionError,
    InvalidRequest,
    InvalidSpec,
    NoRuntime,
    UnknownFunction,
)

INLINE = "globalThis.add = (a, b) => a + b; globalThis.count = 0; globalThis.next = () => ++count"


@pytest.fixture(scope="module")
def pool() -> Iterator[BlockingLocalPool]:
    with BlockingLocalPool(2, "Hash", inline=INLINE, name="mine") as pool:
        yield pool


def test_its_methods(pool: BlockingLocalPool) -> None:
    assert pool.eval("1 + 2", key="a", timeout=2.0) == 3
    assert pool.eval("enum A { B = 5 } A.B", language="typescript") == 5
    assert pool.call("add", "é", "😀", key="a", timeout=1) == "é😀"
    assert pool.status()["size"] == 2
    assert pool.explain("a")["runtime"].startswith("mine-")


@pytest.mark.parametrize(
    ("method", "args", "options", "kind"),
    [
        ("eval", ["throw {code: 7}"], {}, ExecutionError),
        ("eval", ["for (;;) {}"], {"timeout": 0.1}, EvalTimeout),
        ("eval", [7], {}, TypeError),
        ("eval", ["1"], {"timeout": "1s"}, TypeError),
        ("call", ["nowhere"], {}, UnknownFunction),
        ("call", ["add", object()], {}, InvalidRequest),
        ("explain", [7], {}, TypeError),
    ],
)
def test_errors(pool: BlockingLocalPool, method: str, args: list[Any], options: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        getattr(pool, method)(*args, **options)
    assert pool.eval("1") == 1


def test_threads_share_it(pool: BlockingLocalPool) -> None:
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda n: pool.eval(f"{n} * 2"), range(200))) == [n * 2 for n in range(200)]


def test_opening_and_closing() -> None:
    pool = BlockingLocalPool(size=1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not open"):
            pool.eval("1")
        assert pool.open() is pool
        with pytest.raises(RuntimeError, match="the pool 'local' is open already"):
            pool.open()
        with pytest.raises(RuntimeError, match="open already"), pool:
            pass
        assert pool.eval("1") == 1
        pool.close()
        pool.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "tyrex-pool local"]


@pytest.mark.parametrize(
    ("options", "error"),
    [({"inline": "throw new Error('not today')"}, NoRuntime), ({"name": 'a"b'}, InvalidSpec)],
    ids=["main-module", "name"],
)
def test_what_does_not_open(options: dict[str, Any], error: type[Exception]) -> None:
    pool = BlockingLocalPool(size=1, **options)
    for _ in range(2):
        with pytest.raises(error):
            pool.open()
    with pytest.raises(RuntimeError, match="not open"):
        pool.status()


def test_what_is_refused_at_once() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.nonsense"):
        BlockingLocalPool(nonsense=1)


def test_closing_lets_evals_end() -> None:
    pool = BlockingLocalPool(size=1).open()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.eval, "new Promise((ok) => setTimeout(ok, 300, 7))")
        until(lambda: pool.status()["inFlight"])
        pool.close()
        assert slow.result(10) == 7


class Recursive:
    """A strategy that evaluates in the pool that asks it."""

    pool: BlockingLocalPool

    def select(self, runtimes: Sequence[Any], key: str | None) -> Any:
        with pytest.raises(RuntimeError, match="in its own thread"):
            self.pool.eval("1")
        return runtimes[0]


def test_its_own_thread_is_refused() -> None:
    strategy = Recursive()
    with BlockingLocalPool(size=1, strategy=strategy) as strategy.pool:
        assert strategy.pool.eval("1 + 2") == 3


PRELUDE = """
import gc, multiprocessing, os, sys, tempfile, threading
from pathlib import Path
from tyrex_pool import BlockingLocalPool, TyrexError

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

def refused(work):
    try:
        work()
    except RuntimeError as error:
        assert "a fork of it" in str(error), error
    else:
        raise AssertionError("it was not refused")

pool = BlockingLocalPool(size=1, name="mine", inline="globalThis.count = 0; globalThis.next = () => ++count")
"""


def run(program: str, folder: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    environment = {"TMPDIR": str(folder), "PATH": os.environ["PATH"]}
    done = run_python(*flags, "-c", f"{PRELUDE}\n{program}", env=environment)
    assert done.returncode == 0, done.stderr
    assert list(folder.glob("tyrex-pool-*")) == []
    return done


@pytest.mark.parametrize(
    "use",
    [
        "lambda: pool.eval('1')",
        "lambda: pool.call('next')",
        "pool.status",
        "pool.explain",
        "pool.close",
        "pool.open",
        "pool.__enter__",
        "lambda: pool.__exit__(None, None, None)",
    ],
)
def test_a_forked_child_is_refused_and_touches_nothing(use: str, tmp_path: Path) -> None:
    program = (
        "with pool:\n"
        "    assert pool.call('next') == 1\n"
        f"    assert forked(lambda: refused({use})) == 0\n"
        "    assert pool.call('next') == 2"
    )
    assert run(program, tmp_path).stderr == ""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            "def use():\n"
            "    with pool: assert pool.call('next') == 1\n"
            "assert [forked(use) for _ in range(3)] == [0, 0, 0]\nuse()",
            id="made-before-and-opened-after",
        ),
        pytest.param(
            "with pool:\n"
            "    child = os.fork()\n"
            "    if not child: sys.exit(0)\n"
            "    assert os.waitpid(child, 0)[1] == 0 and pool.call('next') == 1",
            id="the-child-ends-as-programs-do",
        ),
        pytest.param(
            "pool.open()\n"
            "child = os.fork()\n"
            "if not child: sys.exit(0)\n"
            "assert os.waitpid(child, 0)[1] == 0 and pool.call('next') == 1\n"
            "pool.close()",
            id="the-child-ends-so-without-a-block",
        ),
        pytest.param(
            "pool.open()\n"
            "def use():\n"
            "    with BlockingLocalPool(size=1) as own: assert own.eval('7') == 7\n"
            "assert forked(use) == 0 and pool.call('next') == 1\n"
            "pool.close()",
            id="the-child-has-one-of-its-own",
        ),
    ],
)
def test_forks(program: str, tmp_path: Path) -> None:
    run(program, tmp_path)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("pool.open()", id="until-the-end"),
        pytest.param("pool.open(); del pool; gc.collect()", id="collected"),
        pytest.param("pool.open(); pool = None", id="replaced"),
        pytest.param(
            "pool.open(); threading.Thread(target=lambda: pool.eval('for (;;) {}', timeout=50), daemon=True).start()\n"
            "while not pool.status()['inFlight']: pass",
            id="with-an-eval",
        ),
    ],
)
def test_a_pool_that_is_never_closed_ends_with_a_warning(program: str, tmp_path: Path) -> None:
    done = run(program, tmp_path, "-W", "ignore", "-W", "always:the :ResourceWarning")
    assert done.stderr.count("ResourceWarning: the BlockingLocalPool 'mine' was never closed") == 1
    assert "the LocalPool" not in done.stderr


INTERRUPTED = """
import os, sys, threading
from tyrex_pool import BlockingLocalPool

def tell(when):
    def wait():
        while not when(): pass
        os.write(1, b"ready\\n")  # `print` would hold a lock of the interpreter
    threading.Thread(target=wait, daemon=True).start()

def loops():
    return pool.eval("for (;;) {}", timeout=50)

def busy():
    return pool.status()["inFlight"]

def closing():
    try: pool.status()
    except RuntimeError: return True

def loops_in_a_thread():
    def other():
        try: loops()
        except Exception: pass
    threading.Thread(target=other, daemon=True).start()
    while not busy(): pass

pool = BlockingLocalPool(size=1, inline=sys.argv[1] or None)
"""


@pytest.mark.parametrize(
    ("work", "inline"),
    [
        pytest.param("with pool: tell(busy); loops()", "", id="in-an-eval"),
        pytest.param("with pool: loops_in_a_thread(); tell(closing)", "", id="in-close-of-a-block"),
        pytest.param("pool.open(); loops_in_a_thread(); tell(closing); pool.close()", "", id="in-close"),
        pytest.param("with pool: loops_in_a_thread(); tell(busy); threading.Event().wait()", "", id="by"),
        pytest.param(
            "tell(lambda: any(thread.name == 'tyrex-pool local' for thread in threading.enumerate())); pool.open()",
            "await new Promise((ok) => setTimeout(ok, 60_000))",
            id="in-open",
        ),
    ],
)
def test_ctrl_c(work: str, inline: str, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", f"{INTERRUPTED}\n{work}", inline],
        cwd=ROOT / "operator", env={"TMPDIR": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=20)
        finally:
            program.kill()
    assert program.returncode == -signal.SIGINT
    assert (errors.count("Traceback"), errors.splitlines()[-1]) == (1, "KeyboardInterrupt")
    assert list(tmp_path.glob("tyrex-pool-*")) == []
