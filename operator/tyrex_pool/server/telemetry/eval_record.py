"""How an eval ended, for the access log and the traces. A record is made only where an observer wants it."""

import re
from time import monotonic
from typing import Final, NamedTuple, Protocol

from tyrex_pool.dispatch.ticket import Outcome, Ticket
from tyrex_pool.model import names
from tyrex_pool.model.console import Console
from tyrex_pool.model.errors import ERRORS, Fault, TyrexError
from tyrex_pool.model.wire import console_members, encode_json, problem

OK: Final = "ok"
ABANDONED: Final = "abandoned"
"""The caller left before there was an answer."""
_RESULT_FRAME: Final = b'{"result":}'
"""What an answer has around its result."""
_EVAL_ID: Final = re.compile(rb"\r\n%b: ([^\r]*)" % names.HEADER_EVAL.encode(), re.IGNORECASE)


class EvalRecord(NamedTuple):
    """Holds no text of the guest or the caller: no code, key, result or error message.

    `outcome` is OK, ABANDONED or the name of an error; `status` is that of HTTP, 0 without an answer. `trace` is the
    eval's own trace context, `parent` the one that came with the request. Times are `monotonic()` seconds, `started` is
    0 for an eval that never started. `received` and `sent` are bytes of bodies. `cpu` is CPU time in seconds, negative
    where it is not known.
    """

    outcome: str
    status: int
    fault: Fault | None
    runtime: str | None
    epoch: int
    eval_id: str | None
    keyed: bool
    path: str
    trace: bytes
    parent: bytes
    arrived: float
    started: float
    finished: float
    received: int
    sent: int
    cpu: float = -1.0

    @property
    def queue_ms(self) -> float:
        return ((self.started or self.finished) - self.arrived) * 1000

    @property
    def run_ms(self) -> float:
        return (self.finished - self.started) * 1000 if self.started else 0.0

    @property
    def cpu_ms(self) -> float | None:
        return round(self.cpu * 1000, 3) if self.cpu >= 0.0 else None


class Observer(Protocol):
    """Writes down how evals ended; it must be quick, and never raise."""

    def observe(self, record: EvalRecord) -> None: ...


class _Answered(NamedTuple):
    """What an outcome says by itself. `eval_id`: as another server gave it, empty otherwise."""

    outcome: str
    status: int
    fault: Fault | None
    eval_id: bytes
    sent: int


def record_of(ticket: Ticket, outcome: Outcome | None, path: bytes, received: int, parent: bytes) -> EvalRecord:
    """`outcome` None: the eval was abandoned. `path`, `received` (bytes of the body) and `parent` are its request's."""
    slot = ticket.slot
    answered = _answered(outcome, ticket.console)
    return EvalRecord(
        answered.outcome,
        answered.status,
        answered.fault,
        slot.name if slot is not None else None,
        ticket.epoch or (slot.epoch if slot is not None else 0),
        (ticket.id or answered.eval_id).decode("latin-1") or None,
        ticket.key is not None,
        path.decode("latin-1"),
        ticket.trace,
        parent,
        ticket.arrived,
        ticket.started,
        ticket.finished or monotonic(),
        received,
        answered.sent,
        ticket.cpu,
    )


def _answered(outcome: Outcome | None, console: Console | None) -> _Answered:
    if outcome is None:
        return _Answered(ABANDONED, 0, None, b"", 0)
    if isinstance(outcome, bytes):
        return _Answered(OK, 200, None, b"", len(outcome) + len(_RESULT_FRAME) + _console_size(console))
    if isinstance(outcome, TyrexError):
        return _Answered(outcome.name, outcome.status, outcome.fault, b"", len(problem(outcome)))
    kind, found = ERRORS.get(outcome.name), _EVAL_ID.search(outcome.start)
    status = int(outcome.start.split(b" ", 2)[1])
    fault, eval_id = kind.fault if kind is not None else None, found[1] if found is not None else b""
    return _Answered(outcome.name, status, fault, eval_id, len(outcome.body))


def _console_size(console: Console | None) -> int:
    return 0 if console is None else len(encode_json(console_members(console.lines, console.truncated))) - 1
