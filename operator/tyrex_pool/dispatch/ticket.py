"""What is dispatched, and where to: tickets and slots, plain records that the balancer moves."""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import IntEnum
from typing import Generic, Self, TypeVar

from tyrex_pool.model.console import Console
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.model.wire import CallRequest, EvalRequest

Work = EvalRequest | CallRequest
Outcome = bytes | TyrexError | RemoteAnswer
"""Of an eval: its result as JSON, an error, or the answer of another server."""


class State(IntEnum):
    WAITING = 0
    STAGED = 1
    RUNNING = 2
    DONE = 3


WAITING, STAGED, RUNNING, DONE = State
"""Module names: an eval looks members up most often, and a look-up in the class costs more."""


class Ticket:
    """One eval to be dispatched. Times are seconds on the caller's clock.

    `deliver(ticket, outcome)` is called once; it is None when nobody waits for the answer any more. What else the
    creator of a ticket needs is in a subclass. `trace` is as `model.trace_context` has it; `cpu` is the CPU time it
    took, negative where that is not known; `bucket` belongs to Deadlines; `console` is what the eval printed, if its
    work asks for that and it was sent.
    """

    __slots__ = (
        "arrived", "attempts", "bucket", "console", "cpu", "deadline", "deliver", "epoch", "finished", "id", "key",
        "lease", "slot", "started", "state", "trace", "work",
    )  # fmt: skip

    def __init__(
        self,
        work: Work,
        key: str | None,
        arrived: float,
        deadline: float,
        deliver: Callable[[Self, Outcome], None] | None,
    ) -> None:
        self.work = work
        self.key = key
        self.arrived = arrived
        self.deadline = deadline
        self.deliver = deliver
        self.started = 0.0
        self.finished = 0.0
        self.cpu = -1.0
        self.state = WAITING
        self.slot: Slot[Self, object] | None = None
        self.id = b""
        self.epoch = 0
        self.lease = 0.0
        self.attempts = 0
        self.trace = b""
        self.bucket: dict[Self, None] | None = None
        self.console: Console | None = None


T = TypeVar("T", bound=Ticket)
Owner_co = TypeVar("Owner_co", covariant=True)


class Slot(Generic[T, Owner_co]):
    """One runtime as the balancer sees it; strategies see it as a `Runtime`.

    `capacity` evals run at a time, `queue` may wait behind them. `stage_limit` is how many of those may be staged, None
    for a slot that keeps its own queue (a remote one): then all are sent at once. `foreign_load` is load that others
    put on this runtime, as the runtime reports it; `label` is the name as it stands in headers. `owner` is the driver's
    record of the runtime, set by the driver.
    `watch(position)` is called when the load may have fallen or the capacity changed: call `changed(0)` after setting
    one of the two.
    """

    __slots__ = (
        "capacity", "epoch", "foreign_load", "in_flight", "index", "label", "mean_run_seconds", "name", "own", "owner",
        "position", "queue", "queued", "returned", "running", "stage_limit", "staged", "waiting", "watch",
    )  # fmt: skip
    owner: Owner_co

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
        self.position = 0
        self.watch: Callable[[int], None] | None = None
        self.running: dict[T, None] = {}
        self.staged: deque[T] = deque()
        self.returned: OrderedDict[T, None] = OrderedDict()
        self.waiting: OrderedDict[T, None] = OrderedDict()

    def changed(self, own: int) -> None:
        """Count `own` more (or fewer) evals of ours, and divide the load into in flight and queued."""
        self.own += own
        load = self.own + self.foreign_load
        self.in_flight = load if load < self.capacity else self.capacity
        self.queued = load - self.in_flight
        if own <= 0 and self.watch is not None:
            self.watch(self.position)
