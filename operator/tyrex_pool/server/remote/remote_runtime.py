"""One of the servers behind a proxy: its slot, our stream to it, and what it last told of itself."""

import asyncio
from dataclasses import dataclass

from tyrex_pool.dispatch.ticket import Slot
from tyrex_pool.pool.view import SlotState
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.report import Report
from tyrex_pool.server.remote.upstream import Upstream


@dataclass(eq=False, slots=True)
class RemoteRuntime:
    """`label` names it in answers, as a header line; `queue_order` is the length of the queue that it is told with
    each eval, None if it has that one by itself."""

    slot: Slot
    endpoint: Endpoint
    label: bytes
    state: SlotState = SlotState.STARTING
    reason: str | None = None
    looked: bool = False
    last_error: dict[str, str] | None = None
    queue: int | None = None
    queue_order: int | None = None
    upstream: Upstream | None = None
    opening: bool = False
    watcher: asyncio.Task[None] | None = None

    def learn(self, report: Report, ours: int) -> None:
        """It serves, and tells how; `ours` is how many evals of ours it may count among those that it has."""
        self.slot.capacity = report.capacity
        self.slot.epoch = report.epoch
        self.slot.foreign_load = max(0, report.in_flight + report.queued - ours)
        self.slot.changed(0)
        self.queue = report.queue.length if report.queue is not None else None
        self.state, self.reason = SlotState.READY, None

    def order_queue(self, length: int) -> None:
        """From now on `length` evals may wait there, whatever its own manifest says."""
        self.queue_order = None if self.queue is None or self.queue == length else length
