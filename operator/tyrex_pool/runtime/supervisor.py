"""The isolates of one pool on one machine: which isolate serves which slot, the warm spare, replacement.

A slot keeps its name, queue and place while its isolate is replaced. It stays among the ready ones meanwhile,
because a replacement takes milliseconds, until a start fails.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from time import monotonic

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.pool.dispatcher import Dispatcher, answer
from tyrex_pool.pool.view import SERVING, SlotState
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.isolate import Isolate, LocalRuntime, LocalSlot
from tyrex_pool.runtime.isolate_driver import IsolateDriver
from tyrex_pool.runtime.isolate_starter import IsolateStarter
from tyrex_pool.runtime.launch import Launch

logger = logging.getLogger("tyrex_pool")

STAGE_LIMIT = 16
"""Evals that may be in an isolate's pipe behind the running ones."""
ATTEMPTS = 3
"""Isolates that may end before an eval begins; then it is answered."""
_POLL = 0.01
_CHECK_BUSY = 0.02
_CHECK_IDLE = 0.1
"""Seconds between two checks of the isolates' limits."""


class Supervisor(IsolateDriver):
    """Keeps `slots` supplied with isolates. Call `start`, then wait for `changed`; end with `stop`."""

    def __init__(
        self,
        launch: Launch,
        balancer: Balancer[Ticket, LocalRuntime],
        slots: list[LocalSlot],
        loop: asyncio.AbstractEventLoop,
        cpu_limit: float | None = None,
    ) -> None:
        super().__init__([LocalRuntime(slot) for slot in slots], balancer, loop, cpu_limit)
        for runtime in self.runtimes:
            runtime.slot.owner = runtime
        self.dispatcher = Dispatcher(balancer, self, loop)
        self.changed: Callable[[], None] = lambda: None
        self.replacements: dict[str, int] = {}
        self.spares = {"hit": 0, "miss": 0}
        self._by_isolate: dict[Isolate, LocalRuntime] = {}
        self._starter = IsolateStarter(launch, self, loop, self._start_missing)
        self._dying: set[Isolate] = set()
        self._limits_timer: asyncio.TimerHandle | None = None
        self._epoch = 0  # the last one: no two isolates have the same, whichever runtimes they serve
        self._stopping = False

    def start(self) -> None:
        self._start_missing()
        self._check_limits()

    async def stop(self, drain: float) -> None:
        """Let the evals end that somebody waits for, for at most `drain` seconds, then end every isolate."""
        end = monotonic() + drain
        try:
            while monotonic() < end and any(map(_awaited, self.runtimes)):
                await asyncio.sleep(_POLL)
        finally:
            self._end_all()
        await asyncio.gather(*(isolate.gone.wait() for isolate in self._dying))

    def abandon(self) -> None:
        """End every isolate now, where the event loop does not run, and may be closed."""
        self._end_all()
        for isolate in list(self._dying):
            isolate.process.reap()

    def _end_all(self) -> None:
        self._stopping = True
        if self._limits_timer is not None:
            self._limits_timer.cancel()
        self._starter.close()
        for isolate in list(self._by_isolate):
            isolate.end(causes.STOPPED)
        for runtime in self.runtimes:
            runtime.state = SlotState.STOPPED
            for ticket in self._balancer.evict(runtime.slot):
                answer(ticket, NoRuntime("the pool was stopped"))
        self._balancer.set_ready([])
        self.dispatcher.close()

    def _start_missing(self) -> None:
        """Start as many isolates as are missing, one spare included (a parked pool needs none)."""
        if self._stopping or not self.runtimes:
            return
        self._starter.ensure(sum(runtime.isolate is None for runtime in self.runtimes) + 1)
        if self._starter.paused:
            self._fail_empty_runtimes()

    def _fail_empty_runtimes(self) -> None:
        """While isolates do not start, runtimes without one do not serve."""
        reason = self._starter.failure or "it does not start"
        self._record_error("startup", reason)
        for runtime in self.runtimes:
            if runtime.isolate is None:
                runtime.state = SlotState.FAILED
                runtime.reason = reason
                for ticket in self._balancer.evict(runtime.slot):
                    answer(ticket, NoRuntime(f"the runtime does not start: {reason}"))
        self._update_ready()

    def _update_ready(self) -> None:
        """Report to the balancer and through `changed` which slots are ready."""
        self._balancer.set_ready([runtime.slot for runtime in self.runtimes if runtime.state in SERVING])
        self.changed()

    # The events of isolates; those of evals are the driver's

    def isolate_ready(self, isolate: Isolate) -> None:
        self._starter.add_spare(isolate)
        self._assign_spares()

    def _assign_spares(self) -> None:
        for runtime in self.runtimes:
            if runtime.isolate is None and (isolate := self._starter.take_spare()) is not None:
                self._assign(runtime, isolate)
        self._update_ready()

    def _assign(self, runtime: LocalRuntime, isolate: Isolate) -> None:
        """From now on `isolate` serves `runtime`."""
        slot = runtime.slot
        self._epoch = slot.epoch = max(self._epoch + 1, time.time_ns() // 1000)
        isolate.slot = slot
        isolate.id_prefix = f"{slot.name}.{slot.epoch}.".encode()
        isolate.log.runtime = slot.name
        runtime.isolate = isolate
        runtime.state = SlotState.READY
        runtime.reason = None
        self._by_isolate[isolate] = runtime
        self.pump(slot)

    def isolate_ended(self, isolate: Isolate, cause: causes.Cause) -> None:
        self._dying.add(isolate)
        if self._starter.remove(isolate, cause):
            self._start_missing()
            return
        self.replacements[cause.kind] = self.replacements.get(cause.kind, 0) + 1
        runtime = self._by_isolate.pop(isolate)
        self._starter.count_end(isolate, cause)
        runtime.isolate = None
        runtime.state = SlotState.REPLACING
        if cause is not causes.STOPPED:
            logger.warning("the isolate is replaced: %s", cause.detail, extra={"runtime": runtime.slot.name})
        self._fail_running(runtime, isolate, cause)
        if not self._stopping:
            self.spares["hit" if self._starter.has_spare else "miss"] += 1
            self._assign_spares()
            self._start_missing()

    def _fail_running(self, runtime: LocalRuntime, isolate: Isolate, cause: causes.Cause) -> None:
        """Answer the evals that ran in the isolate that has ended; what it had not begun waits for the next one."""

        def given_up(ticket: Ticket) -> bool:
            ticket.attempts += 1
            return isolate.began(ticket) or ticket.attempts >= ATTEMPTS

        lost = self._balancer.lose(runtime.slot, given_up)
        begun = sum(map(isolate.began, lost))
        for ticket in lost:
            if isolate.began(ticket):
                error = cause.error(alone=begun == 1 and not isolate.leftover_runs, first=isolate.sent == 1)
                error.add_console(ticket.console)
            else:
                error = NoRuntime(f"{ATTEMPTS} isolates in turn ended before the eval began; the last: {cause.detail}")
            if ticket.deliver is not None:
                self._record_error(error.name, error.detail)
            ticket.finished = monotonic()
            answer(ticket, error)

    def isolate_gone(self, isolate: Isolate) -> None:
        self._dying.discard(isolate)

    def _check_limits(self) -> None:
        busy = False
        for isolate, runtime in list(self._by_isolate.items()):
            busy = busy or bool(runtime.slot.running)
            isolate.check_limits()
        self._starter.check_limits()
        pause = _CHECK_BUSY if busy else _CHECK_IDLE
        self._limits_timer = self._loop.call_later(pause, self._check_limits)


def _awaited(runtime: LocalRuntime) -> bool:
    """Whether somebody waits for an eval that the runtime has."""
    slot = runtime.slot
    return any(ticket.deliver for ticket in (*slot.running, *slot.staged, *slot.returned, *slot.waiting))
