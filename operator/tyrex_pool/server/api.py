"""The pool's HTTP interface: evals, calls, and what the pool tells of itself."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model import names
from tyrex_pool.model.durations import format_duration
from tyrex_pool.model.errors import InvalidRequest, TyrexError
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.trace_context import accepted
from tyrex_pool.model.wire import CallRequest, EvalRequest, decode_call, decode_eval, encode_json
from tyrex_pool.server.endings import ABANDONED, OK, Observer, ending
from tyrex_pool.server.http import Connection, Pending, Routes
from tyrex_pool.server.messages import Request, error_answer, head, trace_line
from tyrex_pool.server.metrics import Metrics


class Backend(Protocol):
    """What serves evals: isolates of this process or other servers."""

    @property
    def spec(self) -> PoolSpec:
        """What the pool should be now."""
        ...

    @property
    def ready(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...
    def submit(self, ticket: Ticket) -> None: ...
    def cancel(self, ticket: Ticket) -> None: ...
    def describe(self) -> dict[str, Any]: ...
    def explain(self, key: str | None) -> dict[str, Any]: ...


class Relayed:
    """An answer of another server, to be passed on: `start` is whole header lines."""

    __slots__ = ("body", "name", "start")

    def __init__(self, start: bytes, body: bytes, name: str) -> None:
        self.start = start
        self.body = body
        self.name = name


Outcome = bytes | TyrexError | Relayed
_JSON = (names.TYPE_JSON.encode(), b"")
_JSON_HEAD = head(200, names.TYPE_JSON)
_TYPES = {kind.encode(): language for kind, language in names.LANGUAGES.items()}


class Exchange:
    """A request on its way through the backend: ties the ticket to the connection that waits for it."""

    __slots__ = ("api", "connection", "ticket")

    def __init__(self, api: "Api", connection: Connection) -> None:
        self.api = api
        self.connection = connection
        self.ticket: Ticket

    def abandon(self) -> None:
        self.api.backend.cancel(self.ticket)
        self.api.metrics.refused(ABANDONED)
        if self.api.observers:
            self.api.tell(self.ticket, None)

    def deliver(self, ticket: Ticket, outcome: Outcome) -> None:
        trace = trace_line(ticket.trace) if ticket.trace else b""
        if isinstance(outcome, bytes):
            self.connection.respond(_JSON_HEAD + _trail(ticket) + trace, b'{"result":%b}' % outcome)
            self.api.metrics.ended(OK, ticket)
        elif isinstance(outcome, Relayed):
            self.connection.respond(outcome.start + trace, outcome.body)
            self.api.metrics.ended(outcome.name, ticket)
        else:
            self.connection.respond(*error_answer(outcome, _trail(ticket) + trace if ticket.epoch else trace))
            self.api.metrics.ended(outcome.name, ticket)
        if self.api.observers:
            self.api.tell(ticket, outcome)


def _trail(ticket: Ticket) -> bytes:
    """Who ran it and how long it took, as header lines."""
    slot = ticket.slot
    assert slot is not None
    load = slot.own + slot.elsewhere
    started = ticket.started or ticket.finished
    return _TRAIL % (
        slot.label,
        ticket.epoch,
        ticket.id,
        (started - ticket.arrived) * 1000,
        (ticket.finished - started) * 1000 if ticket.finished else 0.0,
        load,
    )


_TRAIL = (
    f"{names.HEADER_RUNTIME}: %b\r\n{names.HEADER_EPOCH}: %d\r\n{names.HEADER_EVAL}: %b\r\n"
    f"{names.HEADER_SERVER_TIMING}: queue;dur=%.3f, eval;dur=%.3f\r\n{names.HEADER_LOAD}: %d\r\n"
).encode()


class Api:
    """Handlers over a backend; `routes` is what a listener wants.

    `begin` makes the trace of an eval from the header that came with it, which may be empty; without it that one is
    passed on. `observers` hear how each eval ended.
    """

    def __init__(
        self,
        backend: Backend,
        metrics: Metrics,
        begin: Callable[[bytes], bytes] | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.backend = backend
        self.metrics = metrics
        self.observers = observers
        self._always = begin is not None
        self._begin = begin or accepted
        self.routes: Routes = {
            names.PATH_EVAL.encode(): {b"POST": self._eval},
            names.PATH_CALL.encode(): {b"POST": self._call},
            names.PATH_POOL.encode(): {b"GET": self._pool},
            names.PATH_EXPLAIN.encode(): {b"GET": self._explain},
        }

    def _eval(self, connection: Connection, request: Request) -> Pending | None:
        kind = request.content_type
        if kind not in _JSON:
            kind = kind.partition(b";")[0].strip().lower()
        if kind in _JSON:
            work = decode_eval(request.body)
            return self._submit(connection, request, work, work.key, work.timeout_ms)
        language = _TYPES.get(kind)
        if language is None:
            known = ", ".join((names.TYPE_JSON, *names.LANGUAGES))
            raise InvalidRequest(f"Content-Type: write one of {known}; got {kind.decode('latin-1')!r}")
        code = _text(request.body, "the body")
        return self._submit(connection, request, EvalRequest(code, language=language), None, None)  # type: ignore[arg-type]

    def _call(self, connection: Connection, request: Request) -> Pending | None:
        work = decode_call(request.body)
        return self._submit(connection, request, work, work.key, work.timeout_ms)

    def _submit(
        self,
        connection: Connection,
        request: Request,
        work: EvalRequest | CallRequest,
        key: str | None,
        timeout_ms: int | None,
    ) -> Pending | None:
        if request.key is not None and key is None:
            key = _text(request.key, names.HEADER_KEY)
        seconds = self._timeout(request, timeout_ms)
        exchange = Exchange(self, connection)
        ticket = Ticket(work, key, request.arrived, request.arrived + seconds, exchange.deliver)
        ticket.waiter = request
        if request.trace or self._always:
            ticket.trace = self._begin(request.trace)
        exchange.ticket = ticket
        try:
            self.backend.submit(ticket)
        except TyrexError as error:
            self.metrics.refused(error.name)
            connection.respond(*error_answer(error, trace_line(ticket.trace)))
            if self.observers:
                self.tell(ticket, error)
            return None
        return exchange

    def tell(self, ticket: Ticket, outcome: Outcome | None) -> None:
        """Tell the observers; None: nobody waited any more."""
        told = ending(ticket, outcome)
        for observer in self.observers:
            observer.ended(told)

    def _timeout(self, request: Request, timeout_ms: int | None) -> float:
        """Seconds; the smaller of the body's and the header's, or the pool's default."""
        timeouts = self.backend.spec.timeouts
        if request.timeout_ms is not None:
            told = _number(request.timeout_ms)
            timeout_ms = told if timeout_ms is None else min(told, timeout_ms)
        if timeout_ms is None:
            return timeouts.eval
        if timeout_ms > timeouts.max_eval * 1000:
            limit = format_duration(timeouts.max_eval)
            raise InvalidRequest(
                f"timeoutMs: write at most {timeouts.max_eval * 1000:.0f} (timeouts.maxEval is {limit})"
            )
        return timeout_ms / 1000

    def _pool(self, connection: Connection, request: Request) -> None:
        connection.respond(_JSON_HEAD, encode_json(self.backend.describe()))

    def _explain(self, connection: Connection, request: Request) -> None:
        keys = parse_qs(request.query.decode("latin-1"), keep_blank_values=True, encoding="utf-8").get("key")
        connection.respond(_JSON_HEAD, encode_json(self.backend.explain(keys[0] if keys else None)))


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"{where}: write UTF-8; {exc.reason} at byte {exc.start}") from exc


def _number(raw: bytes) -> int:
    if not raw.isdigit() or len(raw) > 12 or int(raw) < 1:
        raise InvalidRequest(
            f"{names.HEADER_TIMEOUT}: write a whole number of ms from 1; got {raw.decode('latin-1')!r}"
        )
    return int(raw)
