"""Evals between the balancer and the isolates: sends them, and handles their replies and deadlines.

The driver of the dispatcher, and the half of the supervisor that runs for every eval.
"""

import asyncio
from datetime import UTC, datetime
from time import monotonic

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.ticket import DONE, RUNNING, STAGED, WAITING, Ticket
from tyrex_pool.model.errors import (
    CpuLimitError,
    DeadRuntimeError,
    EpochChanged,
    EvalTimeout,
    HeapLimitError,
    InvalidRequest,
    TyrexError,
)
from tyrex_pool.model.pool_view import LastErrorView
from tyrex_pool.pool.dispatcher import answer, too_late
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.cpu_limit import CpuLimit
from tyrex_pool.runtime.cpu_meter import ASK
from tyrex_pool.runtime.isolate import LEASE, READY, Isolate, LocalRuntime, LocalSlot
from tyrex_pool.runtime.replies import ProtocolError

GRACE = 0.02
"""Seconds in which an isolate reports that it begins, or declines, an eval whose lease has ended."""


CANCEL_GRACE = 0.5
"""Seconds in which an eval that nobody waits for any more may end by itself, so that its isolate stays."""


class IsolateDriver:
    """Drives the isolates of `runtimes`; the index of a slot is its runtime's place there."""

    def __init__(
        self,
        runtimes: list[LocalRuntime],
        balancer: Balancer[Ticket, LocalRuntime],
        loop: asyncio.AbstractEventLoop,
        cpu_limit: float | None = None,
    ) -> None:
        self.runtimes = runtimes
        self.last_error: LastErrorView | None = None
        self._balancer = balancer
        self._loop = loop
        self._flushing: set[Isolate] = set()
        self._cpu_limit = None if cpu_limit is None else CpuLimit(cpu_limit, loop, self._over_cpu)

    def pump(self, slot: LocalSlot) -> None:
        """Send the tickets that the isolate of `slot` may be sent now."""
        isolate = slot.owner.isolate
        if isolate is None or isolate.phase is not READY:
            return
        now = monotonic()
        isolate_is_idle = False
        while slot.waiting or slot.returned:
            ticket = self._balancer.take(slot, now)
            if ticket is None:
                break
            if ticket.deadline <= now:
                self._balancer.drop(ticket)
                too_late(ticket, now)
                continue
            wanted = ticket.work.if_epoch
            if wanted is not None and wanted != slot.epoch:
                self._refuse(ticket, EpochChanged(f"runtime {slot.name} has epoch {slot.epoch}, not {wanted}"))
                continue
            ticket.epoch = slot.epoch
            runs = ticket.state is RUNNING
            # Where others run beside it they may keep it from starting in time, and go on: it must not start later.
            unbound = 0.0 if slot.capacity == 1 else ticket.deadline
            try:
                isolate.send(ticket, unbound if runs else min(now + LEASE, ticket.deadline))
            except ValueError as error:
                self._refuse(ticket, InvalidRequest(f"the data cannot be encoded: {error}"))
            else:
                isolate_is_idle = isolate_is_idle or runs
        if isolate_is_idle:
            if isolate.cpu is not None and now - isolate.cpu.at > ASK:
                isolate.cpu.begin(now)
            if self._cpu_limit is not None:
                self._cpu_limit.watch(isolate)
            isolate.flush()  # it has nothing to do until this arrives
        else:
            self._flush_soon(isolate)

    def _refuse(self, ticket: Ticket, error: TyrexError) -> None:
        """Answer `ticket`, which no isolate has had."""
        self._balancer.drop(ticket)
        ticket.started, ticket.finished = 0.0, monotonic()
        answer(ticket, error)

    def _flush_soon(self, isolate: Isolate) -> None:
        if not self._flushing:
            self._loop.call_soon(self._flush)
        self._flushing.add(isolate)

    def _flush(self) -> None:
        for isolate in self._flushing:
            if isolate.phase is READY:
                isolate.flush()
        self._flushing.clear()

    def isolate_waits(self, isolate: Isolate) -> None:
        slot = isolate.slot
        if slot is not None and (slot.returned or slot.waiting):
            self.pump(slot)

    def isolate_replied(self, isolate: Isolate, ticket: Ticket, status: bytes, payload: bytes) -> None:
        """Answer `ticket`, or have it wait again. Raises ProtocolError."""
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
            if isolate.cpu is not None:
                ticket.cpu = isolate.cpu.charge(now - ticket.started, now)
            answer(ticket, payload)
        elif status == b"overfull":
            self._end_eval(ticket, HeapLimitError(causes.OVERFULL.detail), isolate, causes.OVERFULL)
        else:
            error = _guest_error(status, payload)
            error.add_console(ticket.console)
            self._balancer.finish(ticket, now)
            if isolate.cpu is not None:
                ticket.cpu = isolate.cpu.charge(now - ticket.started, now)
            answer(ticket, error)

    def cancelled(self, ticket: Ticket) -> None:
        """Nobody waits any more for `ticket`: it keeps its runtime for a short grace only.

        Not where several evals run at a time: it keeps no other one waiting, and its isolate's end would cost those.
        """
        slot, end = ticket.slot, monotonic() + CANCEL_GRACE
        if ticket.state in (RUNNING, STAGED) and slot is not None and slot.capacity == 1 and end < ticket.deadline:
            self._balancer.deadlines.discard(ticket)
            ticket.deadline = end
            self._balancer.deadlines.add(ticket)

    def overdue(self, ticket: Ticket) -> None:
        """The deadline of `ticket`, which was sent, has passed: answer it, and end an isolate that still runs it."""
        isolate = self.runtimes[ticket.slot.index].isolate if ticket.slot is not None else None
        if isolate is None:
            return
        isolate.receive()  # its replies from before the deadline are in the pipe: now nothing is uncertain
        now = monotonic()
        if ticket.state is DONE:
            return
        if ticket.state is WAITING:
            self._balancer.drop(ticket)
        if ticket.state is not RUNNING:
            too_late(ticket, now)
        elif isolate.began(ticket):
            if ticket.deliver is None:
                isolate.end(causes.UNHEARD, settle=True)
                return
            late = f"the deadline passed while it ran, {now - ticket.arrived:.3f} s after it came"
            if isolate.leftover_runs:
                self._end_eval(ticket, DeadRuntimeError(f"{late}: {causes.HELD.detail}"), isolate, causes.HELD)
            else:
                self._end_eval(ticket, EvalTimeout(late), isolate, causes.DEADLINE)
        elif ticket.lease and now - ticket.lease < GRACE:
            ticket.deadline = now + GRACE  # it may have been about to begin, or the isolate declines it
            self._balancer.deadlines.add(ticket)
        elif isolate.runs:
            too_late(ticket, now)
        else:
            isolate.end(causes.HELD, settle=True)
            if ticket.state is WAITING:  # now that the process is killed, it certainly has not begun
                self._balancer.drop(ticket)
                too_late(ticket, now, "its isolate, which something held up")

    def _over_cpu(self, isolate: Isolate, ticket: Ticket) -> None:
        """`ticket`, which runs, has used more CPU time than it may: end it, if it has not just ended by itself."""
        isolate.receive()
        if ticket.state is RUNNING and isolate.began(ticket) and self._cpu_limit is not None:
            error = CpuLimitError(
                f"the code used more CPU time than timeouts.cpu ({self._cpu_limit.seconds:g} s) allows"
            )
            self._end_eval(ticket, error, isolate, causes.OVER_CPU)

    def _end_eval(self, ticket: Ticket, error: TyrexError, isolate: Isolate, cause: causes.Cause) -> None:
        """Answer `ticket` with an error of its own, and end the isolate, which cannot be used any more."""
        ticket.finished = monotonic()
        if isolate.cpu is not None and ticket.started:
            ticket.cpu = isolate.cpu.charge(ticket.finished - ticket.started, ticket.finished)
        self._record_error(error.name, error.detail)
        if ticket.console is not None:
            isolate.log.release(ticket.id.decode())
            error.add_console(ticket.console)
        answer(ticket, error)
        isolate.end(cause, settle=cause is not causes.OVERFULL)

    def _record_error(self, name: str, detail: str) -> None:
        self.last_error = LastErrorView(name=name, detail=detail, at=datetime.now(UTC).isoformat(timespec="seconds"))


def _guest_error(status: bytes, payload: bytes) -> TyrexError:
    """Raises ProtocolError."""
    try:
        if status == b"error":
            return causes.guest_error(payload)
    except (ValueError, LookupError, RecursionError) as error:
        raise ProtocolError("an error that cannot be read") from error
    raise ProtocolError("an unknown status")
