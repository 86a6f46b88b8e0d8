"""The work queue: which pools must be reconciled. A pool is in it once at most, and one worker at a time has it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from tyrex_pool.controller.turns import Key, Turns, Urgency

Work = Callable[[Key], Awaitable[float | None]]
"""Reconciles a pool; returns the seconds until it must be reconciled again, None: only when something changes."""
Waiting = Callable[[Key], bool]
"""Whether somebody waits for this pool: its spec was not reconciled yet."""


MIN_PAUSE = 0.1
"""Seconds between two reconciliations of a pool that keeps changing: each may list a thousand pods."""


class WorkQueue:
    """Make it in a running loop. `waiting` is asked when a key is added."""

    def __init__(self, workers: int, waiting: Waiting = lambda key: False) -> None:
        self._loop = asyncio.get_running_loop()
        self._workers = workers
        self._waiting = waiting
        self._turns = Turns(workers)
        self._changed = asyncio.Event()
        """Set when there may be something to take."""
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        """Keys that were added while a worker had them."""
        self._rounds: list[tuple[set[Key], asyncio.Event]] = []
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, key: Key, urgency: Urgency = Urgency.REPAIR) -> None:
        """Have `key` reconciled in its turn, and once more if a worker has it right now."""
        if key in self._busy:
            self._again.add(key)
            return
        self._turns.add(key, Urgency.CHANGE if self._waiting(key) else urgency)
        self._changed.set()

    def add_later(self, key: Key, seconds: float) -> None:
        """Add `key` in `seconds`, unless that is planned for an earlier time."""
        when = self._loop.time() + seconds
        planned = self._timers.get(key)
        if planned is not None and not planned.cancelled() and planned.when() <= when:
            return
        self._cancel_timer(key)
        self._timers[key] = self._loop.call_at(when, self._due, key)

    async def process(self, keys: Iterable[Key]) -> None:
        """Add all of `keys` as a resync; returns when each of them has been reconciled since."""
        pending, finished = set(keys), asyncio.Event()
        if not pending:
            return
        self._rounds.append((pending, finished))
        for key in set(pending):
            self.add(key, Urgency.RESYNC)
        await finished.wait()

    async def run(self, work: Work) -> None:
        """Work through the queue until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._run_worker(work))

    async def _run_worker(self, work: Work) -> None:
        while True:
            key = await self._next()
            self._busy.add(key)
            self._cancel_timer(key)
            try:
                again = await work(key)
            finally:
                self._busy.discard(key)
                self._turns.give_back(key)
                self._changed.set()
                self._finish(key)
            if again is not None:
                self.add_later(key, again)
            if key in self._again:
                self._again.discard(key)
                self.add_later(key, MIN_PAUSE)

    async def _next(self) -> Key:
        while (key := self._turns.take()) is None:
            self._changed.clear()
            await self._changed.wait()
        return key

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
