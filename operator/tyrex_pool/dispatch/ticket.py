"""What is dispatched, and where to: tickets and slots, plain records that the balancer moves."""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import IntEnum
from typing import Any


class State(IntEnum):
    WAITING = 0
    STAGED = 1
    RUNNING = 2
    DONE = 3


WAITING, STAGED, RUNNING, DONE = State
"""By name: looking a member up in its class is what an eval would do most often."""


class Ticket:
    """One eval on its way. Times are seconds on the caller's clock.

    `work` is what to evaluate, opaque here. `deliver(ticket, outcome)` is called by the rim, once; None when
    nobody waits for the answer any more. `reply_to` and `request` are for whoever gave it, `sent_on` is for whoever
    sends it, `bucket` for Deadlines; `trace` is as `model.trace_context` has it, and with it there is `parent`: the
    header that came.
    """

    __slots__ = (
        "arrived", "attempts", "bucket", "deadline", "deliver", "epoch", "finished", "id", "key", "lease",
        "parent", "reply_to", "request", "sent_on", "slot", "started", "state", "trace", "work",
    )  # fmt: skip
    parent: bytes

    def __init__(
        self,
        work: Any,
        key: str | None,
        arrived: float,
        deadline: float,
        deliver: Callable[["Ticket", Any], None] | None,
    ) -> None:
        self.work = work
        self.key = key
        self.arrived = arrived
        self.deadline = deadline
        self.deliver = deliver
        self.started = 0.0
        self.finished = 0.0
        self.state = State.WAITING
        self.slot: Slot | None = None
        self.id = b""
        self.epoch = 0
        self.lease = 0.0
        self.attempts = 0
        self.trace = b""
        self.bucket: Any = None
        self.reply_to: Any = None
        self.request: Any = None
        self.sent_on: Any = None


class Slot:
    """One runtime as the balancer keeps it; strategies see it as a `Runtime`.

    `capacity` evals run at a time, `queue` may wait behind them. `stage_limit` is how many of those may be staged, None
    for a slot that keeps its own queue (a remote one): then all are sent at once. `foreign_load` is load that others
    put on this runtime, as it reports it; `label` is the name as it stands in headers; `owner` is for the driver.
    `watch(position)` is called when the load may have fallen or the capacity changed: call `changed(0)` after setting
    one of the two.
    """

    __slots__ = (
        "capacity", "epoch", "foreign_load", "in_flight", "index", "label", "mean_run_seconds", "name", "own", "owner",
        "position", "queue", "queued", "returned", "running", "stage_limit", "staged", "waiting", "watch",
    )  # fmt: skip

    def __init__(self, name: str, index: int, capacity: int, queue: int, stage_limit: int | None) -> None:
        self.name = name
        self.label = name.encode()
        self.index = index
        self.capacity = capacity
        self.queue = queue
        self.stage_limit = stage_limit
        self.epoch = 0
        self.in_flight = 0
        self.queued = 0
        self.own = 0
        self.foreign_load = 0
        self.mean_run_seconds = 0.0
        self.owner: Any = None
        self.position = 0
        self.watch: Callable[[int], None] | None = None
        self.running: dict[Ticket, None] = {}
        self.staged: deque[Ticket] = deque()
        self.returned: OrderedDict[Ticket, None] = OrderedDict()
        self.waiting: OrderedDict[Ticket, None] = OrderedDict()

    def changed(self, own: int) -> None:
        """Count `own` more (or fewer) evals of ours, and share the load out into in flight and queued."""
        self.own += own
        load = self.own + self.foreign_load
        self.in_flight = load if load < self.capacity else self.capacity
        self.queued = load - self.in_flight
        if own <= 0 and self.watch is not None:
            self.watch(self.position)
