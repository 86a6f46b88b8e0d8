"""One isolate: a Deno process that runs guest code, seen from the supervisor.

    STARTING ──ready──► READY ──► RETIRING (is sent no more evals, and ends when it has answered those it has)
        └───────┬─────────┘──────────┘
                ├──end (failed to start, replaced, stopped)──► ENDING ──► ENDED    ENDING: earlier replies are handled
                └──process gone──────────────────────────────────────────► ENDED    it never comes back

It enforces what needs no choice between runtimes: the pipe's protocol, limits of memory, the start's deadline.
Beside it the record of a runtime of this machine, whose isolate it is.
"""

import asyncio
import secrets
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Protocol, TypeAlias

from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.pool.view import SlotState
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.channel import Nonces, hello, order
from tyrex_pool.runtime.cpu_meter import CpuMeter
from tyrex_pool.runtime.guest_log import GuestLog
from tyrex_pool.runtime.idle_budget import IdleBudget, Usage
from tyrex_pool.runtime.isolate_process import IsolateProcess
from tyrex_pool.runtime.launch import Launch
from tyrex_pool.runtime.memory import Memory
from tyrex_pool.runtime.pipe_writer import PipeWriter
from tyrex_pool.runtime.replies import ProtocolError, Replies, Reply
from tyrex_pool.runtime.standard_output import StandardOutput
from tyrex_pool.runtime.traces import Traces

LEASE = 0.02
"""Seconds in which a staged eval may start by itself."""
_READ = 65_536
_MEBI = 1 << 20


class Phase(Enum):
    STARTING = "Starting"
    READY = "Ready"
    RETIRING = "Retiring"
    ENDING = "Ending"
    ENDED = "Ended"


STARTING, READY, RETIRING, ENDING, ENDED = Phase
"""Module names: every eval looks some up, and a look-up in the class costs more."""

_SERVING = (READY, RETIRING)
LocalSlot: TypeAlias = "Slot[Ticket, LocalRuntime]"


@dataclass(slots=True)
class LocalRuntime:
    """A runtime of this machine: its slot, and the isolate that serves it now."""

    slot: LocalSlot
    state: SlotState = SlotState.STARTING
    reason: str | None = None
    isolate: "Isolate | None" = None


class Owner(Protocol):
    """Is notified of the events of an isolate's life: the supervisor."""

    def isolate_ready(self, isolate: "Isolate") -> None:
        """It takes evals from now on."""
        ...

    def isolate_replied(self, isolate: "Isolate", ticket: Ticket, status: bytes, payload: bytes) -> None:
        """It replied to `ticket`. Raises ProtocolError for a reply that cannot be."""
        ...

    def isolate_waits(self, isolate: "Isolate") -> None:
        """All replies that have come were handled: there may be room for more evals."""
        ...

    def isolate_ended(self, isolate: "Isolate", cause: causes.Cause) -> None:
        """It takes no more evals, and answers none; its process may still be there."""
        ...

    def isolate_gone(self, isolate: "Isolate") -> None:
        """Its process is gone."""
        ...


class Isolate(PipeWriter):
    """Starts at once; raises OSError when Deno cannot be started at all. `slot` is the owner's: None for a spare."""

    def __init__(self, launch: Launch, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(IsolateProcess(launch), loop)
        self.phase = STARTING
        self.slot: LocalSlot | None = None
        self.id_prefix = b""
        self.sent = 0
        self.gone = asyncio.Event()
        self._owner = owner
        self._launch = launch
        self._nonces = Nonces()
        self._hello = self._nonces.tag.encode()
        self._tickets: dict[bytes, Ticket] = {}
        self._replies = Replies(launch.limits.result + 4 * _MEBI, self._nonces.mark)
        self._clock_offset = 0.0
        token = secrets.token_hex(8)
        self._traces = Traces()
        self.log = GuestLog(loop, self.process.log, token, self._only_eval, self._traces.of)
        self._output = StandardOutput(self.process.output, token, self.log.add, lambda: not self.log.full)
        self.memory = Memory(self.process.pid, launch.heap)
        measurable = launch.limits.concurrency == 1 and self.process.tells_cpu
        self.cpu = CpuMeter(self.process.cpu_seconds) if measurable else None
        self._budget: IdleBudget | None = None
        self._retired_for = causes.STOPPED
        self._start_timer = loop.call_later(launch.startup, self._start_timed_out)
        loop.add_reader(self.process.pipe, self.receive)
        self.process.when_ended(loop, self._process_ended)
        self._out += hello(self._nonces, token, launch.limits)
        self._write()

    # Sending

    def send(self, ticket: Ticket, lease_end: float) -> None:
        """Send `ticket` with the next `flush`; `lease_end` (`monotonic()` seconds, 0 for none) bounds its start.

        Raises ValueError when its work cannot be encoded.
        """
        nonces, tag = self._nonces.take()
        number = self.sent + 1
        eval_id = b"%b%d" % (self.id_prefix, number)
        bound = (lease_end - self._clock_offset) * 1000 if lease_end else 0.0
        self._out += order(nonces, number, eval_id, ticket.work, bound)  # first: nothing has changed if this raises
        self.sent = number
        self._tickets[tag] = ticket
        ticket.id = eval_id
        ticket.lease = lease_end
        if ticket.work.console:
            ticket.console = self.log.collect(eval_id.decode(), self._launch.console)
        if ticket.trace:
            self._traces.begin(eval_id.decode(), ticket.trace)

    # Receiving

    def receive(self) -> None:
        """Read and handle every reply that has come."""
        while self.phase is not ENDED:
            try:
                data = self.process.pipe.recv(_READ)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self.process.pipe)
                self.process.kill()  # only its end of the pipe may be gone
                return
            try:
                self._handle(self._replies.feed(data))
            except ProtocolError as error:
                self.end(causes.broken_protocol(str(error)))
                return
            if len(data) < _READ:
                break
        if self.phase is READY:
            self._owner.isolate_waits(self)
        elif self.phase is RETIRING and not self._tickets:
            self.end(self._retired_for)

    def _handle(self, replies: list[Reply]) -> None:
        for tag, status, payload in replies:
            if self.phase is ENDED:
                return
            ticket = self._tickets.pop(tag, None)
            if ticket is not None:
                if ticket.trace:
                    self._traces.end(ticket.id.decode())
                if ticket.console is not None:
                    self.log.release(ticket.id.decode())
                self._owner.isolate_replied(self, ticket, status, payload)
            elif tag == self._hello:
                self._handle_start(status, payload)
            else:
                raise ProtocolError("a reply to nothing that was asked")

    def _handle_start(self, status: bytes, payload: bytes) -> None:
        if status == b"started" and not self._clock_offset:
            self._clock_offset = self._began_at(payload)
        elif status == b"ready" and self.phase is STARTING:
            self.learn_clock(payload)
            self._start_timer.cancel()
            self.phase = READY
            self.memory.main_module_loaded()
            self.process.main_module_loaded()
            self._budget = IdleBudget(self._usage())
            self._owner.isolate_ready(self)
        elif status == b"failed" and self.phase is STARTING:
            self.end(causes.main_module_failed(payload, self.process.changed_since_start))
        elif status == b"spoiled" and self.phase in _SERVING and payload in causes.SPOILERS:
            self.end(causes.SPOILERS[payload])
        else:
            raise ProtocolError("an unknown report")

    def learn_clock(self, clock_ms: bytes) -> None:
        """Use a reading of the isolate's clock (ms), if it is the most exact one yet."""
        self._clock_offset = min(self._clock_offset, self._began_at(clock_ms))

    def _began_at(self, clock_ms: bytes) -> float:
        """The `monotonic()` time at which the isolate's clock was 0.

        Our time is later than its reading, so leases end early, never late.
        """
        return monotonic() - float(clock_ms) / 1000

    def _only_eval(self) -> str | None:
        running = [ticket for ticket in self._tickets.values() if ticket.state is State.RUNNING]
        return running[0].id.decode() if len(running) == 1 else None

    # Limits and the end

    def began(self, ticket: Ticket) -> bool:
        """Whether the isolate says that it has begun `ticket`, which was sent to it."""
        return _number(ticket) <= self._output.begun or _number(ticket) <= self._output.read()

    @property
    def leftover_runs(self) -> bool:
        """Whether code of an eval that is over runs now, while others run too."""
        self._output.read()
        return self._output.leftover

    @property
    def runs(self) -> bool:
        """Whether an eval has begun and is not over, as of the last answer of `began`."""
        return 0 < self._oldest <= self._output.begun

    @property
    def _oldest(self) -> int:
        """The number of the first order that has no reply yet, 0 for none: they begin in their order."""
        return _number(next(iter(self._tickets.values()))) if self._tickets else 0

    def check_limits(self) -> None:
        """End the isolate if it holds more than its limit in resident memory, or is over its budget between evals."""
        if self.phase in (STARTING, *_SERVING) and self.memory.over_limit:
            self.receive()  # the evals that it has answered are not to blame
            self.end(causes.OVER_MEMORY, settle=True)
        elif self.phase in _SERVING and self._budget is not None:
            cause = self._budget.check(self._usage())
            if cause is not None:
                self.receive()
                self._replace(cause)

    def _replace(self, cause: causes.Cause) -> None:
        """End it, when nothing of what earlier evals left behind can cost an eval that runs."""
        if self.runs and not cause.by_itself:
            self.flush()
            self.phase = RETIRING
            self._retired_for = cause
        else:
            self.end(cause, settle=True)

    def _usage(self) -> Usage:
        begun = self._output.poll()
        runs = self.runs
        return Usage(
            at=monotonic(),
            cpu=self.process.cpu_seconds(),
            log=self.log.bytes,
            threads=self.process.threads(),
            begun=begun,
            waiting=0 if runs else self._oldest,
            runs=runs,
            mean_run=self.slot.mean_run_seconds if self.slot is not None else 0.0,
        )

    def _start_timed_out(self) -> None:
        self.end(causes.startup_timeout(self._launch.startup))

    def end(self, cause: causes.Cause, settle: bool = False) -> None:
        """Kill it, and notify the owner at once, before the process is gone.

        With `settle` its earlier replies are handled first: a reply that is not in the pipe after the kill was not
        sent, and the evals staged behind it did not start.
        """
        if self.phase in (ENDING, ENDED):
            return
        self.phase = ENDING
        self.process.kill()
        if settle:
            self.receive()
        self._close(cause)

    def _process_ended(self, status: int) -> None:
        """The process is gone: we killed it, or it ended by itself."""
        self.gone.set()
        starting = self.phase is STARTING
        if self.phase is not ENDED:
            self.receive()
        if self.phase is not ENDED:
            self._output.close()
            self.log.close()
            self._close(causes.of_exit(status, list(self.log.tail), starting))
        self._owner.isolate_gone(self)

    def _close(self, cause: causes.Cause) -> None:
        self.phase = ENDED
        self._start_timer.cancel()
        self._output.close()
        self.log.close()
        self._loop.remove_reader(self.process.pipe)
        self._loop.remove_writer(self.process.pipe)
        self.process.close()
        self.memory.close()
        self._owner.isolate_ended(self, cause)


def _number(ticket: Ticket) -> int:
    """The place of `ticket` in the orders of its isolate, from 1."""
    return int(ticket.id[ticket.id.rindex(b".") + 1 :])
