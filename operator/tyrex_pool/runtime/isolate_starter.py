"""Isolates that have no slot yet: those that start, and the warm spare. Failed starts pause for longer and longer."""

import asyncio
from collections.abc import Callable

from tyrex_pool.runtime import causes
from tyrex_pool.runtime.isolate import Isolate, Launch, Owner

_PAUSES = (0.1, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds after the first failed start, the second, …"""


class IsolateStarter:
    """Starts isolates for `owner`, who hears of them as of all others. `again` is called when a pause ends."""

    def __init__(
        self, launch: Launch, owner: Owner, loop: asyncio.AbstractEventLoop, again: Callable[[], None]
    ) -> None:
        self.failure: str | None = None
        self._launch = launch
        self._owner = owner
        self._loop = loop
        self._again = again
        self._starting: set[Isolate] = set()
        self._spares: list[Isolate] = []
        self._failures = 0
        self._pause: asyncio.TimerHandle | None = None

    @property
    def pausing(self) -> bool:
        """Starts failed, and none is tried now; `failure` says why."""
        return self._pause is not None

    def provide(self, wanted: int) -> None:
        """See to it that `wanted` isolates start or stand ready. A start may fail at once: see `pausing`."""
        for _ in range(wanted - len(self._starting) - len(self._spares)):
            if self.pausing:
                return
            try:
                self._starting.add(Isolate(self._launch, self._owner, self._loop))
            except OSError as error:
                self._failed(f"Deno does not start: {error}")

    def grown(self, isolate: Isolate) -> None:
        """It has started: now it is a spare."""
        self._starting.discard(isolate)
        self.failure = None
        self._spares.append(isolate)

    @property
    def stocked(self) -> bool:
        """A spare stands ready."""
        return bool(self._spares)

    def take(self) -> Isolate | None:
        """A spare for a slot, if there is one."""
        return self._spares.pop(0) if self._spares else None

    def lost(self, isolate: Isolate, cause: causes.Cause) -> bool:
        """An isolate has ended; returns whether it was one of these."""
        if isolate in self._starting:
            self._starting.discard(isolate)
            self._failed(cause.detail)
            return True
        if isolate in self._spares:
            self._spares.remove(isolate)
            return True
        return False

    def judge(self, isolate: Isolate, cause: causes.Cause) -> None:
        """An isolate left its slot. One that ended itself before it was given anything is as good as not started."""
        if isolate.sent == 0 and cause.by_itself:
            self._failed(cause.detail)
        else:
            self._failures = 0

    def check_memory(self) -> None:
        for isolate in [*self._starting, *self._spares]:
            isolate.check_memory()

    def close(self) -> None:
        """End them all; none is started again."""
        for isolate in [*self._starting, *self._spares]:
            isolate.end(causes.STOPPED)
        if self._pause is not None:
            self._pause.cancel()

    def _failed(self, reason: str) -> None:
        self.failure = reason
        if self._pause is None:  # else one of several that failed together
            delay = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._failures += 1
            self._pause = self._loop.call_later(delay, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._again()
