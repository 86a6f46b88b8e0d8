"""Where a LocalPool was opened: its process, its thread and its event loop, which alone may use it."""

import asyncio
import os
import threading


class Home:
    """The process, thread and running event loop of its creation. Raises RuntimeError without a loop of asyncio."""

    def __init__(self) -> None:
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "a LocalPool needs a running event loop of asyncio; BlockingLocalPool needs none"
            ) from None
        self._process = os.getpid()
        self._thread = threading.get_ident()

    @property
    def forked(self) -> bool:
        """Whether this process is a child of the one that opened the pool: nothing of the pool is its own."""
        return os.getpid() != self._process

    @property
    def here(self) -> bool:
        """Whether the caller runs in the loop."""
        return asyncio._get_running_loop() is self.loop

    def check(self, *, in_loop: bool = True) -> None:
        """Raises RuntimeError elsewhere. Without `in_loop` the loop need not run now: the thread is enough."""
        if self.forked:
            raise RuntimeError(
                f"this pool was opened by process {self._process}, and this is a fork of it: "
                "open a pool of its own in each process, after the fork"
            )
        if self.here:
            return
        running = asyncio._get_running_loop()
        if running is None and not in_loop and threading.get_ident() == self._thread:
            return
        if threading.get_ident() != self._thread:
            raise RuntimeError(
                "this pool was opened in another thread: use asyncio.run_coroutine_threadsafe with that thread's loop, "
                "or a BlockingLocalPool, which threads may share"
            )
        state = "which is closed" if self.loop.is_closed() else "which is not the one that runs"
        raise RuntimeError(
            f"this pool was opened in another event loop, {state}: close it, and open it in the loop that uses it"
        )
