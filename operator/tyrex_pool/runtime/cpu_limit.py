"""`timeouts.cpu`: finds the evals that have used more CPU time than one may. For isolates that run one at a time."""

import asyncio
from collections.abc import Callable
from typing import Final

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.runtime.isolate import READY, Isolate

STEP: Final = 0.02
"""Seconds between two questions, at most: with threads an eval uses more than one second in a second."""
_SHORTEST: Final = 0.001


class CpuLimit:
    """Calls `exceeded(isolate, ticket)` for an eval over `seconds` of CPU time."""

    def __init__(
        self, seconds: float, loop: asyncio.AbstractEventLoop, exceeded: Callable[[Isolate, Ticket], None]
    ) -> None:
        self.seconds = seconds
        self._loop = loop
        self._exceeded = exceeded
        self._watched: set[Isolate] = set()

    def watch(self, isolate: Isolate) -> None:
        """From now on, until `isolate` has nothing to do."""
        if isolate not in self._watched and isolate.cpu is not None:
            self._watched.add(isolate)
            self._again(isolate, self.seconds)

    def _again(self, isolate: Isolate, left: float) -> None:
        self._loop.call_later(min(max(left, _SHORTEST), STEP), self._check, isolate)

    def _check(self, isolate: Isolate) -> None:
        slot, meter = isolate.slot, isolate.cpu
        ticket = next(iter(slot.running), None) if slot is not None and isolate.phase is READY else None
        if ticket is None or meter is None:
            self._watched.discard(isolate)
            return
        left = self.seconds - meter.used()
        if left <= 0.0:
            self._exceeded(isolate, ticket)
        self._again(isolate, left)
