"""A thread with an event loop, in which a LocalPool lives for programs without one."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from tyrex_pool.local.pool import LocalPool

T = TypeVar("T")


class Host:
    """Opens `pool` in a thread of its own, which ends with `end`. Raises what `pool.open()` raises.

    The thread is a daemon: a program that forgets to end it ends all the same.
    """

    def __init__(self, pool: LocalPool, name: str) -> None:
        self._pool = pool
        self._process = os.getpid()
        self._drain: float | None = None
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live()), name=f"tyrex-pool {name}", daemon=True
        )
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:  # Ctrl-C, or it does not open
            self._interrupt()
            raise

    async def _live(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._ending = asyncio.Event()
        try:
            await self._pool.open()
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        await self._ending.wait()
        await self._pool.close(drain=self._drain)

    @property
    def forked(self) -> bool:
        """Whether this process is a child of the one that has the thread."""
        return os.getpid() != self._process

    def ask(self, work: Callable[[LocalPool], Coroutine[Any, Any, T]]) -> T:
        """The result of `work(pool)` in the thread. Raises RuntimeError where waiting for it would never end."""
        self.check()
        future = asyncio.run_coroutine_threadsafe(work(self._pool), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("the pool was closed meanwhile") from None
        except BaseException:  # an error of the work, which has ended then, or Ctrl-C
            future.cancel()
            raise

    def check(self) -> None:
        """Raises RuntimeError in a fork of the process, and in the thread itself."""
        if self.forked:
            raise RuntimeError(
                f"this pool was opened by process {self._process}, and this is a fork of it: "
                "open a pool of its own in each process, after the fork"
            )
        if threading.current_thread() is self._thread:
            raise RuntimeError("a BlockingLocalPool cannot be used in its own thread, as by its strategy")

    def end(self, drain: float | None = None) -> None:
        """Close the pool, with `drain` as `LocalPool.close` has it, and wait for that unless this is the thread."""
        self._drain = drain
        self._loop.call_soon_threadsafe(self._ending.set)
        if threading.current_thread() is self._thread:
            return
        try:
            self._thread.join()
        except BaseException:  # Ctrl-C: nobody waits for evals any more
            self._interrupt()
            raise

    def _interrupt(self) -> None:
        if self._thread.is_alive() and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
