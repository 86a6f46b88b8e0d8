"""Which pools need a look: each once in the queue at most, and never in two hands at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple


class Key(NamedTuple):
    """A pool."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Work = Callable[[Key], Awaitable[float | None]]
"""Does what there is to do; returns the seconds until another look, None: only when something happens."""


BREATH = 0.1
"""Seconds between two looks at one pool, however much happens to it: a look may list a thousand pods."""


class WorkQueue:
    """Make it in a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._rounds: list[tuple[set[Key], asyncio.Event]] = []
        self._later: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._queued)

    def add(self, key: Key) -> None:
        """Look at `key` as soon as a worker is free, and once more if one is looking right now."""
        if key in self._busy:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def add_later(self, key: Key, seconds: float) -> None:
        """Look at `key` in `seconds`, unless an earlier look is planned."""
        when = self._loop.time() + seconds
        planned = self._later.get(key)
        if planned is not None and not planned.cancelled() and planned.when() <= when:
            return
        self._forget_timer(key)
        self._later[key] = self._loop.call_at(when, self._due, key)

    async def look_at(self, keys: Iterable[Key]) -> None:
        """Until each of `keys` has been looked at."""
        pending, looked = set(keys), asyncio.Event()
        if not pending:
            return
        self._rounds.append((pending, looked))
        for key in set(pending):
            self.add(key)
        await looked.wait()

    async def run(self, work: Work, workers: int) -> None:
        """Work through the queue until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._run_one(work))

    async def _run_one(self, work: Work) -> None:
        while True:
            key = await self._ready.get()
            self._queued.discard(key)
            self._busy.add(key)
            self._forget_timer(key)
            try:
                again = await work(key)
            finally:
                self._busy.discard(key)
                self._count(key)
            if again is not None:
                self.add_later(key, again)
            if key in self._again:
                self._again.discard(key)
                self.add_later(key, BREATH)

    def _count(self, key: Key) -> None:
        for one in list(self._rounds):
            pending, looked = one
            pending.discard(key)
            if not pending:
                looked.set()
                self._rounds.remove(one)

    def _due(self, key: Key) -> None:
        del self._later[key]
        self.add(key)

    def _forget_timer(self, key: Key) -> None:
        timer = self._later.pop(key, None)
        if timer is not None:
            timer.cancel()
