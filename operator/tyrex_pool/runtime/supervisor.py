"""The isolates of one pool on one machine: which stands behind which slot, the warm spare, replacement.

A slot keeps its name, queue and place while its isolate is replaced. It stays among the ready ones meanwhile,
because a replacement takes milliseconds, until a start fails.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.ticket import DONE, RUNNING, WAITING, Slot, Ticket
from tyrex_pool.model.errors import EvalTimeout, HeapLimitError, NoRuntime, TyrexError
from tyrex_pool.pool.dispatcher import Dispatcher, answer, too_late
from tyrex_pool.pool.view import SERVING, SlotState
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.channel import ProtocolError
from tyrex_pool.runtime.isolate import LEASE, Isolate, Launch, Phase
from tyrex_pool.runtime.isolate_starter import IsolateStarter

STAGE_LIMIT = 16
"""Evals that may lie in an isolate's pipe behind the running ones."""
GRACE = 0.02
"""Seconds in which an isolate tells that it declined an eval whose lease has ended."""
_POLL = 0.01
_WATCH_BUSY = 0.02
_WATCH_IDLE = 0.1


@dataclass(slots=True)
class LocalRuntime:
    """What stands behind a slot now."""

    slot: Slot
    state: SlotState = SlotState.STARTING
    reason: str | None = None
    isolate: Isolate | None = None


class Supervisor:
    """Keeps `slots` supplied with isolates. Call `start`, then wait for `changed`; end with `stop`."""

    def __init__(self, launch: Launch, balancer: Balancer, slots: list[Slot], loop: asyncio.AbstractEventLoop) -> None:
        self.runtimes = [LocalRuntime(slot) for slot in slots]
        self.dispatcher = Dispatcher(balancer, self, loop)
        self.changed: Callable[[], None] = lambda: None
        self.replacements: dict[str, int] = {}
        self.spares = {"hit": 0, "miss": 0}
        self.last_error: dict[str, Any] | None = None
        for runtime in self.runtimes:
            runtime.slot.owner = runtime
        self._by_isolate: dict[Isolate, LocalRuntime] = {}
        self._balancer = balancer
        self._loop = loop
        self._starter = IsolateStarter(launch, self, loop, self._fill)
        self._dying: set[Isolate] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._stopping = False
        self._flushing: set[Isolate] = set()

    # Life

    def start(self) -> None:
        self._fill()
        self._watch_memory()

    async def stop(self, drain: float) -> None:
        """Let what runs and waits end, for at most `drain` seconds, then end every isolate."""
        end = monotonic() + drain
        try:
            while any(runtime.slot.own for runtime in self.runtimes) and monotonic() < end:
                await asyncio.sleep(_POLL)
        finally:
            self._end_all()
        await asyncio.gather(*(isolate.gone.wait() for isolate in self._dying))

    def _end_all(self) -> None:
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
        self._starter.close()
        for isolate in list(self._by_isolate):
            isolate.end(causes.STOPPED)
        for runtime in self.runtimes:
            runtime.state = SlotState.STOPPED
            for ticket in self._balancer.evict(runtime.slot):
                answer(ticket, NoRuntime("the pool was stopped"))
        self._balancer.set_ready([])
        self.dispatcher.close()

    def _fill(self) -> None:
        """Have as many isolates started as are missing, one spare included (a parked pool needs none)."""
        if self._stopping or not self.runtimes:
            return
        self._starter.provide(sum(runtime.isolate is None for runtime in self.runtimes) + 1)
        if self._starter.pausing:
            self._give_up_empty_runtimes()

    def _give_up_empty_runtimes(self) -> None:
        """While isolates do not start, runtimes without one do not serve."""
        reason = self._starter.failure or "it does not start"
        self._note("startup", reason)
        for runtime in self.runtimes:
            if runtime.isolate is None:
                runtime.state = SlotState.FAILED
                runtime.reason = reason
                for ticket in self._balancer.evict(runtime.slot):
                    answer(ticket, NoRuntime(f"the runtime does not start: {reason}"))
        self._update()

    def _update(self) -> None:
        """Tell the balancer and whoever waits which slots are ready."""
        self._balancer.set_ready([runtime.slot for runtime in self.runtimes if runtime.state in SERVING])
        self.changed()

    def _note(self, name: str, detail: str) -> None:
        self.last_error = {
            "name": name,
            "detail": detail,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    # What isolates tell

    def isolate_ready(self, isolate: Isolate) -> None:
        self._starter.grown(isolate)
        self._seat_spares()

    def _seat_spares(self) -> None:
        for runtime in self.runtimes:
            if runtime.isolate is None and (isolate := self._starter.take()) is not None:
                self._seat(runtime, isolate)
        self._update()

    def _seat(self, runtime: LocalRuntime, isolate: Isolate) -> None:
        slot = runtime.slot
        slot.epoch = max(slot.epoch + 1, int(time.time() * 1000))
        isolate.slot = slot
        isolate.id_prefix = f"{slot.name}.{slot.epoch}.".encode()
        isolate.log.runtime = slot.name
        runtime.isolate = isolate
        runtime.state = SlotState.READY
        runtime.reason = None
        self._by_isolate[isolate] = runtime
        self.pump(slot)

    def isolate_replied(self, isolate: Isolate, ticket: Ticket, status: bytes, payload: bytes) -> None:
        if ticket.state is DONE:
            return
        now = monotonic()
        if status == b"declined":
            isolate.learn_clock(payload)
            self._balancer.decline(ticket, now)
        elif ticket.state is not RUNNING:
            raise ProtocolError("a reply to an eval whose turn it was not")
        elif status == b"result":
            self._balancer.finish(ticket, now)
            answer(ticket, payload)
        elif status == b"overfull":
            self._end_eval(ticket, HeapLimitError(causes.OVERFULL.detail), isolate, causes.OVERFULL)
        else:
            error = _guest_error(status, payload)
            self._balancer.finish(ticket, now)
            answer(ticket, error)

    def isolate_waits(self, isolate: Isolate) -> None:
        slot = isolate.slot
        if slot is not None and (slot.returned or slot.waiting):
            self.pump(slot)

    def _end_eval(self, ticket: Ticket, error: TyrexError, isolate: Isolate, cause: causes.Cause) -> None:
        """Answer `ticket` with an error of its own, and replace the isolate that it spoiled."""
        ticket.finished = monotonic()
        self._note(error.name, error.detail)
        answer(ticket, error)
        isolate.end(cause, settle=cause is causes.DEADLINE)

    def isolate_ended(self, isolate: Isolate, cause: causes.Cause) -> None:
        self._dying.add(isolate)
        if self._starter.lost(isolate, cause):
            self._fill()
            return
        self.replacements[cause.kind] = self.replacements.get(cause.kind, 0) + 1
        runtime = self._by_isolate.pop(isolate)
        self._starter.judge(isolate, cause)
        runtime.isolate = None
        runtime.state = SlotState.REPLACING
        lost = self._balancer.lose(runtime.slot)
        for ticket in lost:
            error = cause.error(alone=len(lost) == 1)
            if ticket.deliver is not None:
                self._note(error.name, error.detail)
            ticket.finished = monotonic()
            answer(ticket, error)
        if not self._stopping:
            self.spares["hit" if self._starter.stocked else "miss"] += 1
            self._seat_spares()
            self._fill()

    def isolate_gone(self, isolate: Isolate) -> None:
        self._dying.discard(isolate)

    # The dispatcher's driver

    def pump(self, slot: Slot) -> None:
        runtime: LocalRuntime = slot.owner
        isolate = runtime.isolate
        if isolate is None or isolate.phase is not Phase.READY:
            return
        now = monotonic()
        waits = False
        while slot.waiting or slot.returned:
            ticket = self._balancer.take(slot, now)
            if ticket is None:
                break
            if ticket.deadline <= now:
                self._balancer.drop(ticket)
                too_late(ticket, now)
                continue
            ticket.epoch = slot.epoch
            if ticket.state is RUNNING:
                isolate.send(ticket, 0.0)
                waits = True
            else:
                isolate.send(ticket, min(now + LEASE, ticket.deadline))
        if waits:
            isolate.flush()  # it has nothing to do until this arrives
        else:
            self._flush_soon(isolate)

    def _flush_soon(self, isolate: Isolate) -> None:
        if not self._flushing:
            self._loop.call_soon(self._flush)
        self._flushing.add(isolate)

    def _flush(self) -> None:
        for isolate in self._flushing:
            if isolate.phase is Phase.READY:
                isolate.flush()
        self._flushing.clear()

    def overdue(self, ticket: Ticket) -> None:
        runtime: LocalRuntime | None = ticket.slot.owner if ticket.slot else None
        if runtime is None or runtime.isolate is None:
            return
        runtime.isolate.receive()  # what it did before the deadline is in the pipe: now nothing is uncertain
        now = monotonic()
        if ticket.state is DONE:
            return
        if ticket.state is WAITING:
            self._balancer.drop(ticket)
        if ticket.state is RUNNING and ticket.lease and now - ticket.started < GRACE:
            ticket.deadline = now + GRACE  # it either declines this one now, or it had started in time
            self._balancer.deadlines.add(ticket)
        elif ticket.state is RUNNING:
            late = f"the deadline passed while it ran, {now - ticket.arrived:.3f} s after it came"
            self._end_eval(ticket, EvalTimeout(late), runtime.isolate, causes.DEADLINE)
        else:
            too_late(ticket, now)

    # Memory

    def _watch_memory(self) -> None:
        busy = False
        for isolate, runtime in list(self._by_isolate.items()):
            busy = busy or bool(runtime.slot.running)
            isolate.check_memory()
        self._starter.check_memory()
        self._watch = self._loop.call_later(_WATCH_BUSY if busy else _WATCH_IDLE, self._watch_memory)


def _guest_error(status: bytes, payload: bytes) -> TyrexError:
    """Raises ProtocolError."""
    try:
        if status == b"error":
            return causes.guest_error(payload)
    except (ValueError, LookupError, RecursionError) as error:
        raise ProtocolError("an error that cannot be read") from error
    raise ProtocolError("an unknown status")
