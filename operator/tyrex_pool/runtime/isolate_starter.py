"""Isolates without a slot: those that start, and the warm spare. Pauses after failed starts grow."""

import asyncio
from collections.abc import Callable

from tyrex_pool.runtime import causes
from tyrex_pool.runtime.isolate import Isolate, Owner
from tyrex_pool.runtime.launch import Launch

_PAUSES = (0.1, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds after the first failed start, the second, …"""


class IsolateStarter:
    """Starts isolates, which notify `owner`. `retry` is called when a pause after a failed start ends."""

    def __init__(
        self, launch: Launch, owner: Owner, loop: asyncio.AbstractEventLoop, retry: Callable[[], None]
    ) -> None:
        self.failure: str | None = None
        self._launch = launch
        self._owner = owner
        self._loop = loop
        self._retry = retry
        self._starting: set[Isolate] = set()
        self._spares: list[Isolate] = []
        self._failures = 0
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def paused(self) -> bool:
        """Whether starts failed and none is tried now; `failure` says why."""
        return self._pause is not None

    def ensure(self, wanted: int) -> None:
        """Start isolates until `wanted` are starting or spare. A start may fail at once: see `paused`."""
        for _ in range(wanted - len(self._starting) - len(self._spares)):
            if self.paused:
                return
            try:
                self._starting.add(Isolate(self._launch, self._owner, self._loop))
            except OSError as error:
                self._start_failed(f"Deno does not start: {error}")

    def add_spare(self, isolate: Isolate) -> None:
        """An isolate of this starter is ready: from now on it is a spare."""
        self._starting.discard(isolate)
        self.failure = None
        self._spares.append(isolate)

    @property
    def has_spare(self) -> bool:
        return bool(self._spares)

    def take_spare(self) -> Isolate | None:
        """Remove and return a spare, if there is one."""
        return self._spares.pop(0) if self._spares else None

    def remove(self, isolate: Isolate, cause: causes.Cause) -> bool:
        """Remove an isolate that has ended; returns whether it was a starting or spare one."""
        if isolate in self._starting:
            self._starting.discard(isolate)
            self._start_failed(cause.detail)
            return True
        if isolate in self._spares:
            self._spares.remove(isolate)
            return True
        return False

    def count_end(self, isolate: Isolate, cause: causes.Cause) -> None:
        """An isolate with a slot has ended. One that ended by itself before its first eval counts as a failed start."""
        if isolate.sent == 0 and cause.by_itself:
            self._start_failed(cause.detail)
        else:
            self._failures = 0

    def check_limits(self) -> None:
        for isolate in [*self._starting, *self._spares]:
            isolate.check_limits()

    def close(self) -> None:
        """End all isolates without a slot; start no more."""
        self._closed = True
        for isolate in [*self._starting, *self._spares]:
            isolate.end(causes.STOPPED)
        if self._pause is not None:
            self._pause.cancel()

    def _start_failed(self, reason: str) -> None:
        self.failure = reason
        if self._pause is None and not self._closed:  # else it is one of several that failed together
            delay = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._failures += 1
            self._pause = self._loop.call_later(delay, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._retry()
