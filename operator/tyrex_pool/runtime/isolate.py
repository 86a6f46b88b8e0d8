"""One isolate: a Deno process that runs guest code, seen from the supervisor.

    STARTING ──ready──► READY ──► ENDED
        └────failed / too late────┘     (killed, exited, broke the protocol: it never comes back)

It enforces what needs no choice between runtimes: the pipe's protocol, limits of memory, the start's deadline.
"""

import asyncio
import secrets
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Protocol

from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.channel import IsolateLimits, Nonces, ProtocolError, Replies, Reply, hello, order
from tyrex_pool.runtime.guest_log import GuestLog
from tyrex_pool.runtime.process import Memory, Process
from tyrex_pool.runtime.traces import Traces

LEASE = 0.02
"""Seconds in which a staged eval may start by itself."""
_READ = 65_536
_MEBI = 1 << 20
_YOUNG_GENERATION = 96 * _MEBI
"""V8 keeps this much beside the old generation, which is what limits.heap bounds."""
_AT_START = 64 * _MEBI
"""More than an isolate holds before it has loaded anything."""


class Phase(Enum):
    STARTING = "Starting"
    READY = "Ready"
    ENDING = "EvalRecord"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class Launch:
    """How isolates of a pool are started: `command` (the pipe's descriptor is appended), times in seconds."""

    command: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    limits: IsolateLimits
    startup: float
    heap: int


class Owner(Protocol):
    """Who hears of an isolate's life: the supervisor."""

    def isolate_ready(self, isolate: "Isolate") -> None: ...
    def isolate_replied(self, isolate: "Isolate", ticket: Ticket, status: bytes, payload: bytes) -> None: ...
    def isolate_waits(self, isolate: "Isolate") -> None: ...
    def isolate_ended(self, isolate: "Isolate", cause: causes.Cause) -> None: ...
    def isolate_gone(self, isolate: "Isolate") -> None: ...


class Isolate:
    """Starts at once; raises OSError when Deno cannot be started at all. `slot` is the owner's: None for a spare."""

    def __init__(self, launch: Launch, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self.phase = Phase.STARTING
        self.slot: Slot | None = None
        self.id_prefix = b""
        self.sent = 0
        self.gone = asyncio.Event()
        self._owner = owner
        self._loop = loop
        self._launch = launch
        self._nonces = Nonces()
        self._hello = self._nonces.tag.encode()
        self._tickets: dict[bytes, Ticket] = {}
        self._replies = Replies(launch.limits.result + 4 * _MEBI)
        self._out = bytearray()
        self._blocked = False
        self._clock_offset = 0.0
        self.process = Process(launch.command, launch.directory, launch.environment)
        token = secrets.token_hex(8)
        self._traces = Traces()
        self.log = GuestLog(loop, self.process.log, token, self._only_eval, self._traces.of)
        self.memory = Memory(self.process.pid)
        self._memory_limit = launch.heap + _YOUNG_GENERATION + _AT_START
        self._late = loop.call_later(launch.startup, self._too_late)
        loop.add_reader(self.process.pipe, self.receive)
        self.process.when_ended(loop, self._ended)
        self._out += hello(self._nonces, token, launch.limits)
        self._write()

    # Sending

    def send(self, ticket: Ticket, lease_end: float) -> None:
        """Put `ticket` into the pipe; `lease_end` (`monotonic()` seconds, 0 for none) bounds its start."""
        nonces, tag = self._nonces.take()
        self._tickets[tag] = ticket
        self.sent += 1
        eval_id = b"%b%d" % (self.id_prefix, self.sent)
        ticket.id = eval_id
        ticket.lease = lease_end
        if ticket.trace:
            self._traces.begin(eval_id.decode(), ticket.trace)
        bound = (lease_end - self._clock_offset) * 1000 if lease_end else 0.0
        self._out += order(nonces, self.sent, eval_id, ticket.work, bound)

    def flush(self) -> None:
        """Write what was sent; call it once for several."""
        if self._out and not self._blocked:
            self._write()

    def _write(self) -> None:
        try:
            written = self.process.pipe.send(self._out)
        except BlockingIOError:
            written = 0
        except OSError:  # the process is gone: its end is on the way to us
            self._out.clear()
            return
        del self._out[:written]
        if self._out and not self._blocked:
            self._blocked = True
            self._loop.add_writer(self.process.pipe, self._write)
        elif not self._out and self._blocked:
            self._blocked = False
            self._loop.remove_writer(self.process.pipe)

    # Receiving

    def receive(self) -> None:
        """Read and handle all that has come."""
        while self.phase is not Phase.ENDED:
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
        if self.phase is Phase.READY:
            self._owner.isolate_waits(self)

    def _handle(self, replies: list[Reply]) -> None:
        for tag, status, payload in replies:
            if self.phase is Phase.ENDED:
                return
            ticket = self._tickets.pop(tag, None)
            if ticket is not None:
                if ticket.trace:
                    self._traces.end(ticket.id.decode())
                self._owner.isolate_replied(self, ticket, status, payload)
            elif tag == self._hello:
                self._handle_start(status, payload)
            else:
                raise ProtocolError("a reply to nothing that was asked")

    def _handle_start(self, status: bytes, payload: bytes) -> None:
        if status == b"started" and not self._clock_offset:
            self._clock_offset = self._began_at(payload)
        elif status == b"ready" and self.phase is Phase.STARTING:
            self.learn_clock(payload)
            self._late.cancel()
            self.phase = Phase.READY
            self._memory_limit = self.memory.resident() + self._launch.heap + _YOUNG_GENERATION
            self._owner.isolate_ready(self)
        elif status == b"failed" and self.phase is Phase.STARTING:
            self.end(causes.main_module_failed(payload))
        else:
            raise ProtocolError("an unknown report")

    def learn_clock(self, clock_ms: bytes) -> None:
        """Use what the isolate just read from its clock, if that is the closest look at it yet."""
        self._clock_offset = min(self._clock_offset, self._began_at(clock_ms))

    def _began_at(self, clock_ms: bytes) -> float:
        """When the isolate's clock was 0. Our time is later than its reading, so leases end early, never late."""
        return monotonic() - float(clock_ms) / 1000

    def _only_eval(self) -> str | None:
        running = [ticket for ticket in self._tickets.values() if ticket.state is State.RUNNING]
        return running[0].id.decode() if len(running) == 1 else None

    # IsolateLimits and the end

    def check_memory(self) -> None:
        """End the isolate if it holds more than its limit in resident memory."""
        if self.phase in (Phase.STARTING, Phase.READY) and self.memory.resident() > self._memory_limit:
            self.receive()  # what it has answered is not to blame
            self.end(causes.OVER_MEMORY, settle=True)

    def _too_late(self) -> None:
        self.end(causes.startup_timeout(self._launch.startup))

    def end(self, cause: causes.Cause, settle: bool = False) -> None:
        """Kill it; the owner hears of it at once, and need not wait for the process to be gone.

        With `settle` what it did before is handled first: a reply that is not in the pipe after the kill was not sent,
        and what is staged behind it did not start.
        """
        if self.phase in (Phase.ENDING, Phase.ENDED):
            return
        self.phase = Phase.ENDING
        self.process.kill()
        if settle:
            self.receive()
        self._close(cause)

    def _ended(self, status: int) -> None:
        """The process is gone, by us or by itself."""
        self.gone.set()
        starting = self.phase is Phase.STARTING
        if self.phase is not Phase.ENDED:
            self.receive()
        if self.phase is not Phase.ENDED:
            self.log.close()
            self._close(causes.of_exit(status, list(self.log.tail), starting))
        self._owner.isolate_gone(self)

    def _close(self, cause: causes.Cause) -> None:
        self.phase = Phase.ENDED
        self._late.cancel()
        self.log.close()
        self._loop.remove_reader(self.process.pipe)
        self._loop.remove_writer(self.process.pipe)
        self.process.close()
        self.memory.close()
        self._owner.isolate_ended(self, cause)
