"""One of the servers behind a proxy, and the driver that sends evals to such servers over streams.

An eval is sent a second time only when it certainly never started.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeAlias

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.ticket import Outcome, Slot
from tyrex_pool.model.errors import DeadRuntimeError, NoRuntime, Overloaded, TyrexError
from tyrex_pool.model.frames import VERSION, RemoteAnswer, version_for
from tyrex_pool.model.pool_view import LastErrorView, PoolView
from tyrex_pool.pool.dispatcher import Dispatcher, answer, too_late
from tyrex_pool.pool.view import SlotState
from tyrex_pool.server.http.messages import RUNTIME_LINE
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.upstream import Upstream, connect
from tyrex_pool.server.tasks import Tasks
from tyrex_pool.server.ticket import ServerTicket

GRACE: Final = 0.15
"""Seconds past the deadline in which the other server's own answer is awaited."""
MOST_AT_ONCE: Final = 4096
"""Evals that one server may have of us; further evals for it wait here."""
ATTEMPTS: Final = 2
"""Runtimes that one eval is offered to, at most."""
ANSWER_SECONDS: Final = 2.0
"""Seconds that a server may take to accept a stream, or to answer a check."""
_CONNECTION: Final = "a connection to a runtime"
_OLDER: Final = (
    "runtime %s is of an earlier version, which knows neither inputs nor ifEpoch: try again after the update"
)
_NOT_STARTED: Final = frozenset({NoRuntime.name, Overloaded.name})

RemoteSlot: TypeAlias = "Slot[ServerTicket, RemoteRuntime]"


@dataclass(eq=False, slots=True)
class RemoteRuntime:
    """A runtime on another server. `header` is the header line that names it in answers.

    `queue` is the length of the queue that its own manifest says, `queue_override` the length that goes to it with each
    eval, None where both agree. `checked`: it was checked once, whatever came of it.
    """

    slot: RemoteSlot
    endpoint: Endpoint
    header: bytes
    state: SlotState = SlotState.STARTING
    reason: str | None = None
    checked: bool = False
    last_error: LastErrorView | None = None
    queue: int | None = None
    queue_override: int | None = None
    upstream: "Upstream[RemoteRuntime] | None" = None
    opening: bool = False
    checking: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, name: str, endpoint: Endpoint, capacity: int) -> "RemoteRuntime":
        slot: RemoteSlot = Slot(name, 0, capacity, 0, stage_limit=None)
        runtime = cls(slot, endpoint, RUNTIME_LINE % slot.label)
        slot.owner = runtime
        return runtime

    def update(self, view: PoolView, ours: int) -> None:
        """The server is ready and sent `view`; `ours` is how many evals of ours its load may include."""
        self.slot.capacity = sum(runtime.capacity for runtime in view.runtimes)
        self.slot.epoch = max(runtime.epoch for runtime in view.runtimes)
        self.slot.foreign_load = max(0, view.in_flight + view.queued - ours)
        self.slot.changed(0)
        self.queue = view.queue.length if view.queue is not None else None
        self.state, self.reason = SlotState.READY, None

    def set_queue_length(self, length: int) -> None:
        """From now on `length` evals may wait there, whatever its own manifest says."""
        self.queue_override = None if self.queue is None or self.queue == length else length

    def failure(self, error: Exception) -> str:
        """Why the server could not be reached, as a reason."""
        return f"{self.endpoint.name}: {str(error) or type(error).__name__}"


class RemoteDriver:
    """Drives the dispatcher; owns the streams. `unreachable(runtime, reason)` is called when none can be opened."""

    def __init__(
        self,
        balancer: Balancer[ServerTicket, RemoteRuntime],
        tasks: Tasks,
        unreachable: Callable[[RemoteRuntime, str], None],
    ) -> None:
        self.dispatcher = Dispatcher(balancer, self, asyncio.get_running_loop())
        self.upstreams: set[Upstream[RemoteRuntime]] = set()
        self.retries = 0
        self._balancer = balancer
        self._tasks = tasks
        self._unreachable = unreachable

    # The dispatcher's driver

    def pump(self, slot: RemoteSlot) -> None:
        runtime = slot.owner
        upstream = runtime.upstream
        if upstream is None:
            if not runtime.opening and runtime.state is not SlotState.STOPPED:  # else other runtimes serve the evals
                runtime.opening = True
                self._tasks.spawn(self._open_for_evals(runtime))
            return
        now = monotonic()
        while (slot.waiting or slot.returned) and not upstream.full and len(upstream) < MOST_AT_ONCE:
            ticket = self._balancer.take(slot, now)
            if ticket is None:
                break
            left = ticket.deadline - GRACE - now
            if left <= 0.0:
                self._balancer.drop(ticket)
                too_late(ticket, now, _CONNECTION)
            elif upstream.version < VERSION and upstream.version < version_for(ticket.work):
                self._balancer.drop(ticket)
                self.retry_elsewhere(ticket, NoRuntime(_OLDER % slot.name))
            else:
                upstream.send(ticket, int(left * 1000) or 1, runtime.queue_override)

    def overdue(self, ticket: ServerTicket) -> None:
        """The other server did not answer in time: it is cut off or stuck. Later evals get a new stream."""
        if ticket.sent_on is None:
            too_late(ticket, monotonic(), _CONNECTION)
            return
        upstream, _ = ticket.sent_on
        upstream.leave()
        self.withdraw(ticket)
        name = ticket.slot.name if ticket.slot else "?"
        answer(ticket, DeadRuntimeError(f"runtime {name} did not answer by the deadline"))

    def withdraw(self, ticket: ServerTicket) -> None:
        """Tell the server that has `ticket`, if there is one, that nobody waits for it."""
        if ticket.sent_on is None:
            return
        upstream, number = ticket.sent_on
        ticket.sent_on = None
        self._balancer.finish(ticket, monotonic())
        upstream.forget(number)

    def retry_elsewhere(self, ticket: ServerTicket, error: Outcome) -> None:
        """Offer an eval that certainly never started to another runtime, or answer it with `error`."""
        ticket.attempts += 1
        if ticket.attempts < ATTEMPTS and self._balancer.ready and ticket.deliver is not None:
            try:
                self.dispatcher.submit(ticket, avoid=ticket.slot)
                self.retries += 1
                return
            except TyrexError:
                pass
        answer(ticket, error)

    # Streams

    async def _open_for_evals(self, runtime: RemoteRuntime) -> None:
        await self.open_stream(runtime)

    async def open_stream(self, runtime: RemoteRuntime) -> bool:
        """Open a stream to `runtime`; returns whether it has one now."""
        runtime.opening = True
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                upstream = await connect(runtime.endpoint, self, runtime)
        except OSError as error:
            if runtime.state is not SlotState.STOPPED:
                self._unreachable(runtime, runtime.failure(error))
            return False
        finally:
            runtime.opening = False
        if runtime.state is SlotState.STOPPED:
            upstream.close()
            return False
        self.upstreams.add(upstream)
        runtime.upstream = upstream
        self._pump_waiting(runtime.slot)
        return True

    def _pump_waiting(self, slot: RemoteSlot) -> None:
        if slot.waiting or slot.returned:
            self.pump(slot)

    def answered(self, upstream: Upstream[RemoteRuntime], ticket: ServerTicket, reply: RemoteAnswer) -> None:
        runtime = upstream.runtime
        slot = runtime.slot
        ticket.sent_on = None
        ticket.cpu = reply.cpu
        if reply.epoch:
            slot.epoch = reply.epoch
            slot.foreign_load = max(0, reply.load - slot.own + 1)  # `finish` counts with it
        self._balancer.finish(ticket, monotonic())
        reply.start += runtime.header + reply.more
        if reply.name in _NOT_STARTED and self._may_move(ticket, reply):
            self.retry_elsewhere(ticket, reply)
        else:
            answer(ticket, reply)
        if slot.waiting or slot.returned:  # as `_pump_waiting`, without a call for every eval
            self.pump(slot)

    def _may_move(self, ticket: ServerTicket, refusal: RemoteAnswer) -> bool:
        """Whether an eval that one runtime refused may be offered to another."""
        return refusal.name == NoRuntime.name or self._balancer.strategy.may_overflow(ticket.key)

    def has_room(self, upstream: Upstream[RemoteRuntime]) -> None:
        self._pump_waiting(upstream.runtime.slot)

    def leaving(self, upstream: Upstream[RemoteRuntime]) -> None:
        runtime = upstream.runtime
        if runtime.upstream is upstream:
            runtime.upstream = None
            self._pump_waiting(runtime.slot)

    def lost(self, upstream: Upstream[RemoteRuntime], tickets: list[ServerTicket]) -> None:
        self.upstreams.discard(upstream)
        self.leaving(upstream)
        name = upstream.runtime.slot.name
        for ticket in tickets:
            ticket.sent_on = None
            self._balancer.finish(ticket, monotonic())
            answer(ticket, DeadRuntimeError(f"the connection to {name} broke while it had the eval"))

    def close(self) -> None:
        """Close every stream: evals that are not answered yet get an error."""
        for upstream in list(self.upstreams):
            upstream.close()
