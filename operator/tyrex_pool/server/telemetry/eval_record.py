"""How an eval ended, for whoever writes that down: the access log and the traces. Made only where somebody does."""

import re
from time import monotonic
from typing import Final, NamedTuple, Protocol

from tyrex_pool.dispatch.ticket import Outcome
from tyrex_pool.model import names
from tyrex_pool.model.errors import ERRORS, Fault, TyrexError
from tyrex_pool.model.wire import problem
from tyrex_pool.server.ticket import ServerTicket

OK: Final = "ok"
ABANDONED: Final = "abandoned"
"""The caller left before there was an answer."""
_AROUND: Final = b'{"result":}'
_EVAL: Final = re.compile(rb"\r\n%b: ([^\r]*)" % names.HEADER_EVAL.encode(), re.IGNORECASE)


class EvalRecord(NamedTuple):
    """Nothing of it is the guest's or the caller's text: no code, no key, no result, no message of an error.

    `outcome` is OK, ABANDONED or the name of an error; `status` 0 where nothing was answered. `trace` is that of the
    eval, `parent` the one that it came with. Times are `monotonic()` seconds, `started` 0 for an eval
    that never did. `received` and `sent` are bytes of bodies.
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

    @property
    def queue_ms(self) -> float:
        return ((self.started or self.finished) - self.arrived) * 1000

    @property
    def run_ms(self) -> float:
        return (self.finished - self.started) * 1000 if self.started else 0.0


class Observer(Protocol):
    """Somebody who writes down what becomes of evals; it must be quick, and never raise."""

    def ended(self, ending: EvalRecord) -> None: ...


def ending(ticket: ServerTicket, outcome: Outcome | None) -> EvalRecord:
    """That of `ticket`; None as outcome if it was abandoned."""
    request = ticket.request
    slot = ticket.slot
    name, status, fault, eval_id, sent = _told(outcome)
    return EvalRecord(
        name,
        status,
        fault,
        slot.name if slot is not None else None,
        ticket.epoch or (slot.epoch if slot is not None else 0),
        (ticket.id or eval_id).decode("latin-1") or None,
        ticket.key is not None,
        request.head.path.decode("latin-1"),
        ticket.trace,
        ticket.parent if ticket.trace else b"",
        ticket.arrived,
        ticket.started,
        ticket.finished or monotonic(),
        len(request.body),
        sent,
    )


def _told(outcome: Outcome | None) -> tuple[str, int, Fault | None, bytes, int]:
    """Name, status, fault, the eval's id as another server told it, and the bytes of the answer's body."""
    if outcome is None:
        return ABANDONED, 0, None, b"", 0
    if isinstance(outcome, bytes):
        return OK, 200, None, b"", len(outcome) + len(_AROUND)
    if isinstance(outcome, TyrexError):
        return outcome.name, outcome.status, outcome.fault, b"", len(problem(outcome))
    kind, found = ERRORS.get(outcome.name), _EVAL.search(outcome.start)
    fault, eval_id = kind.fault if kind is not None else None, found[1] if found is not None else b""
    return outcome.name, int(outcome.start.split(b" ", 2)[1]), fault, eval_id, len(outcome.body)
