"""One of the servers behind a proxy: its slot, our connections to it, and what it last told of itself."""

import asyncio
from dataclasses import dataclass, field

from tyrex_pool.dispatch.ticket import Slot
from tyrex_pool.model import names
from tyrex_pool.runtime.view import SlotState
from tyrex_pool.server.discovery import Endpoint
from tyrex_pool.server.report import Report
from tyrex_pool.server.upstream import Upstream

MAX_CONNECTIONS = 1024
OPENING_AT_ONCE = 32
IDLE = 30.0
"""Seconds after which an unused connection is closed: well before the other side does it."""


@dataclass(eq=False, slots=True)
class Remote:
    """`orders` is what each eval that goes there is told besides, as whole header lines."""

    slot: Slot
    endpoint: Endpoint
    state: SlotState = SlotState.STARTING
    reason: str | None = None
    orders: bytes = b""
    looked: bool = False
    last_error: dict[str, str] | None = None
    queue: int | None = None
    idle: list[Upstream] = field(default_factory=list)
    open: set[Upstream] = field(default_factory=set)
    opening: int = 0
    watcher: asyncio.Task[None] | None = None

    def learn(self, report: Report) -> None:
        """It serves, and tells how."""
        self.slot.capacity = report.capacity
        self.slot.epoch = report.epoch
        self.learn_load(report.in_flight + report.queued)
        self.queue = report.queue.length if report.queue is not None else None
        self.state, self.reason = SlotState.READY, None

    def learn_load(self, reported: int) -> None:
        """What others have there: all that it reports, less what is ours."""
        elsewhere = reported - self.slot.own
        self.slot.elsewhere = elsewhere if elsewhere > 0 else 0
        self.slot.changed(0)

    def order_queue(self, length: int) -> None:
        """From now on `length` evals may wait there, whatever its own manifest says."""
        told = self.queue is None or self.queue == length
        self.orders = b"" if told else b"%b: %d\r\n" % (names.HEADER_QUEUE.encode(), length)

    def to_open(self) -> int:
        """How many more connections what waits could use."""
        waiting = len(self.slot.waiting) + len(self.slot.returned) - self.opening
        room = MAX_CONNECTIONS - len(self.open) - self.opening
        return max(0, min(waiting, room, OPENING_AT_ONCE - self.opening))

    def close_idle(self, now: float) -> None:
        """Close the connections that nobody has used for long."""
        for upstream in [one for one in self.idle if one.idle_since < now - IDLE]:
            upstream.close()
