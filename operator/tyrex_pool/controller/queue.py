"""The work queue: which pools must be reconciled. A pool is in it once at most, and one worker at a time has it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple


class Key(NamedTuple):
    """Names a pool."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Work = Callable[[Key], Awaitable[float | None]]
"""Reconciles a pool; returns the seconds until it must be reconciled again, None: only when something changes."""


MIN_PAUSE = 0.1
"""Seconds between two reconciliations of a pool that keeps changing: each may list a thousand pods."""


class WorkQueue:
    """Make it in a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        """Keys that were added while a worker had them."""
        self._rounds: list[tuple[set[Key], asyncio.Event]] = []
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._queued)

    def add(self, key: Key) -> None:
        """Have `key` reconciled as soon as a worker is free, and once more if a worker has it right now."""
        if key in self._busy:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def add_later(self, key: Key, seconds: float) -> None:
        """Have `key` reconciled in `seconds`, unless that is planned for an earlier time."""
        when = self._loop.time() + seconds
        planned = self._timers.get(key)
        if planned is not None and not planned.cancelled() and planned.when() <= when:
            return
        self._cancel_timer(key)
        self._timers[key] = self._loop.call_at(when, self._due, key)

    async def process(self, keys: Iterable[Key]) -> None:
        """Add all of `keys`; returns when each of them has been reconciled since."""
        pending, finished = set(keys), asyncio.Event()
        if not pending:
            return
        self._rounds.append((pending, finished))
        for key in set(pending):
            self.add(key)
        await finished.wait()

    async def run(self, work: Work, workers: int) -> None:
        """Work through the queue until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._run_worker(work))

    async def _run_worker(self, work: Work) -> None:
        while True:
            key = await self._ready.get()
            self._queued.discard(key)
            self._busy.add(key)
            self._cancel_timer(key)
            try:
                again = await work(key)
            finally:
                self._busy.discard(key)
                self._finish(key)
            if again is not None:
                self.add_later(key, again)
            if key in self._again:
                self._again.discard(key)
                self.add_later(key, MIN_PAUSE)

    def _finish(self, key: Key) -> None:
        """Take `key` out of the rounds that wait for it."""
        for waiting in list(self._rounds):
            pending, finished = waiting
            pending.discard(key)
            if not pending:
                finished.set()
                self._rounds.remove(waiting)

    def _due(self, key: Key) -> None:
        del self._timers[key]
        self.add(key)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
