"""A thread with an event loop, in which a LocalPool lives for programs without one."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar, cast

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
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tyrex-pool {name}", daemon=True)
        try:
            self._thread.start()
            self._opened.result()
        except BaseException:  # Ctrl-C, or it does not open
            self._interrupt()
            raise

    def _run(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(self._live())
        finally:
            self._ended.set()

    async def _live(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())
        self._ending = asyncio.Event()
        if not self._opened.set_running_or_notify_cancel():
            return
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

    @property
    def ended(self) -> bool:
        """Whether nothing of the pool is left."""
        return self._ended.is_set()

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
        if threading.current_thread() is self._thread:
            self._ending.set()
            return
        try:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._wait()
        except BaseException:  # Ctrl-C: nobody waits for evals any more
            self._interrupt()
            raise

    def _interrupt(self) -> None:
        """End the pool at once, also while it opens or before that."""
        if self._opened.cancel():
            return  # the thread does not run yet, and will do nothing
        with contextlib.suppress(RuntimeError):  # the loop is closed, for the pool has ended
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._wait()

    def _wait(self) -> None:
        """Wait for the end of the thread. `join` alone is not enough: a `join` of Python 3.11 and 3.12 that Ctrl-C
        interrupts takes the thread for ended from then on."""
        self._ended.wait()
        self._thread.join()
