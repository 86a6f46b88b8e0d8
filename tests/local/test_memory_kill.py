"""An isolate that is killed for its memory: what it had already done counts, and nothing is done twice."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from tests.local.running import until
from tyrex_pool import HeapLimitError, LocalPool
from tyrex_pool.runtime.isolate import Isolate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")


def answers(isolate: Isolate) -> int:
    """How many lie in its pipe, unread."""
    try:
        return isolate.process.pipe.recv(65_536, socket.MSG_PEEK).count(b"\n")
    except BlockingIOError:
        return 0


async def test_an_answer_in_the_pipe_is_given_and_what_began_behind_it_does_not_begin_again(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    ran.touch()
    code = f"""
        Deno.writeTextFileSync({str(ran)!r}, 'ran\\n', {{append: true}});
        for (;;);
    """
    async with LocalPool(size=1, permissions={"allow": {"write": [str(ran)]}}) as pool:
        assert pool._pool is not None
        for _ in range(50):  # so that the next two need no time to warm up
            await pool.eval("1")
        (isolate,) = pool._pool.supervisor._by_isolate
        innocent = asyncio.ensure_future(pool.eval("'innocent'"))
        guilty = asyncio.ensure_future(pool.eval(code))
        while isolate.sent < 52:
            await asyncio.sleep(0)
        isolate.flush()
        # From here on the loop does nothing else: the first answer is in the pipe, and the second eval runs.
        until(lambda: answers(isolate) == 1 and ran.read_text())
        isolate.memory.limit = 1
        isolate.check_limits()
        assert await innocent == "innocent"
        with pytest.raises(HeapLimitError):
            await guilty
        assert await pool.eval("1 + 2") == 3, "by the next isolate, which was given nothing else before"
        assert ran.read_text() == "ran\n"


async def test_what_had_not_begun_runs_in_the_next_isolate() -> None:
    async with LocalPool(size=1) as pool:
        assert pool._pool is not None
        for _ in range(50):
            await pool.eval("1")
        (isolate,) = pool._pool.supervisor._by_isolate
        guilty = asyncio.ensure_future(pool.eval("for (;;);"))
        waiting = [asyncio.ensure_future(pool.eval(f"{number}")) for number in range(3)]
        while isolate.sent < 54:
            await asyncio.sleep(0)
        isolate.flush()
        until(lambda: isolate._output.read() >= 51)
        isolate.memory.limit = 1
        isolate.check_limits()
        with pytest.raises(HeapLimitError):
            await guilty
        assert await asyncio.gather(*waiting) == [0, 1, 2]
