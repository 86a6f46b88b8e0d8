"""The pool's HTTP interface: evals, calls, and the pool's state."""

from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import parse_qs

from tyrex_pool.dispatch.ticket import Outcome, Ticket, Work
from tyrex_pool.model import names
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.model.pool_view import PoolView, encode_pool
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.trace_context import accepted
from tyrex_pool.model.wire import encode_json
from tyrex_pool.pool.view import ExplainView
from tyrex_pool.server.answers import JSON_HEAD, result_body, timing_lines
from tyrex_pool.server.http.messages import RUNTIME_LINE, Request, error_answer, trace_line
from tyrex_pool.server.http.routes import Pending, Responder, Routes
from tyrex_pool.server.openapi import openapi
from tyrex_pool.server.requests import CALL, EVAL, read_call, read_eval, read_text, read_timeout
from tyrex_pool.server.telemetry.eval_record import ABANDONED, OK, Observer, record_of
from tyrex_pool.server.telemetry.metrics import Metrics
from tyrex_pool.server.ticket import ServerTicket


class Pool(Protocol):
    """What serves evals: isolates of this process or other servers."""

    @property
    def spec(self) -> PoolSpec:
        """The present spec; it may change."""
        ...

    @property
    def ready(self) -> bool: ...
    @property
    def reason(self) -> str | None:
        """Why the pool is not ready, where that is known."""
        ...

    def submit(self, ticket: ServerTicket) -> None:
        """Raises NoRuntime, Overloaded, StrategyError; otherwise `ticket.deliver` is called, once."""
        ...

    def cancel(self, ticket: ServerTicket) -> None:
        """The caller of `ticket` has left."""
        ...

    def describe(self) -> PoolView: ...
    def explain(self, key: str | None) -> ExplainView: ...


class HttpTicket(ServerTicket):
    """An eval whose answer a connection waits for."""

    __slots__ = ("api", "reply_to")
    api: "Api"
    reply_to: Responder

    def abandon(self) -> None:
        self.api.abandon(self)


_RESULT = JSON_HEAD + RUNTIME_LINE + b"%b%b"


class Api:
    """Handlers over a pool; `routes` is what a listener needs.

    `begin` makes the trace context of an eval from the one that came with its request (empty for none); without `begin`
    that one is passed on. With `begin`, an eval gets a trace even if its request had none. `observers` get a record of
    each eval that ended.
    """

    def __init__(
        self,
        pool: Pool,
        metrics: Metrics,
        begin: Callable[[bytes], bytes] | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.pool = pool
        self.metrics = metrics
        self.observers = observers
        self.traces = begin is not None
        self._begin = begin or accepted
        self._bound_deliver = self._deliver
        self.routes: Routes = {
            EVAL: {b"POST": self._eval},
            CALL: {b"POST": self._call},
            names.PATH_POOL.encode(): {b"GET": self._pool},
            names.PATH_EXPLAIN.encode(): {b"GET": self._explain},
            names.PATH_OPENAPI.encode(): {b"GET": self._openapi},
        }

    def _eval(self, responder: Responder, request: Request) -> Pending | None:
        return self._submit(responder, request, read_eval(request))

    def _call(self, responder: Responder, request: Request) -> Pending | None:
        return self._submit(responder, request, read_call(request))

    def _submit(self, responder: Responder, request: Request, work: Work) -> Pending | None:
        head, key = request.head, work.key
        if head.key is not None and key is None:
            key = read_text(head.key, names.HEADER_KEY)
        if head.timeout_ms is None and work.timeout_ms is None:
            seconds: float = self.pool.spec.timeouts.eval
        else:
            seconds = read_timeout(head.timeout_ms, work.timeout_ms, self.pool.spec.timeouts)
        ticket = HttpTicket(work, key, request.arrived, request.arrived + seconds, self._bound_deliver)
        ticket.api = self
        ticket.request = request
        ticket.reply_to = responder
        if request.trace or self.traces:
            self.begin_trace(ticket, request.trace)
        try:
            self.pool.submit(ticket)
        except TyrexError as error:
            self.metrics.refused(error.name)
            responder.respond(*error_answer(error, trace_line(ticket.trace)))
            if self.observers:
                self.notify(ticket, error)
            return None
        return ticket

    def begin_trace(self, ticket: ServerTicket, header: bytes) -> None:
        """Give `ticket` its trace context; `header` is the `traceparent` of its request, empty for none."""
        ticket.parent = header
        ticket.trace = self._begin(header)

    def abandon(self, ticket: ServerTicket) -> None:
        """The caller of `ticket` has left."""
        self.pool.cancel(ticket)
        self.metrics.refused(ABANDONED)
        if self.observers:
            self.notify(ticket, None)

    def notify(self, ticket: ServerTicket, outcome: Outcome | None) -> None:
        """Give the observers the record of `ticket`; `outcome` None: the caller had left."""
        request = ticket.request
        parent = ticket.parent if ticket.trace else b""
        record = record_of(ticket, outcome, request.head.path, len(request.body), parent)
        for observer in self.observers:
            observer.observe(record)

    def _deliver(self, ticket: HttpTicket, outcome: Outcome) -> None:
        responder = ticket.reply_to
        trace = trace_line(ticket.trace) if ticket.trace else b""
        if isinstance(outcome, bytes):
            responder.respond(_RESULT % (_label(ticket), timing_lines(ticket), trace), result_body(ticket, outcome))
            self.metrics.ended(OK, ticket)
        elif isinstance(outcome, RemoteAnswer):
            responder.respond(outcome.start + trace, outcome.body)
            self.metrics.ended(outcome.name, ticket)
        else:
            lines = RUNTIME_LINE % _label(ticket) + timing_lines(ticket) if ticket.epoch else b""
            responder.respond(*error_answer(outcome, lines + trace))
            self.metrics.ended(outcome.name, ticket)
        if self.observers:
            self.notify(ticket, outcome)

    def _pool(self, responder: Responder, request: Request) -> None:
        responder.respond(JSON_HEAD, encode_pool(self.pool.describe()))

    def _openapi(self, responder: Responder, request: Request) -> None:
        responder.respond(JSON_HEAD, encode_json(openapi()))

    def _explain(self, responder: Responder, request: Request) -> None:
        keys = parse_qs(request.head.query.decode("latin-1"), keep_blank_values=True, encoding="utf-8").get("key")
        responder.respond(JSON_HEAD, encode_json(self.pool.explain(keys[0] if keys else None)))


def _label(ticket: Ticket) -> bytes:
    slot = ticket.slot
    assert slot is not None
    return slot.label
