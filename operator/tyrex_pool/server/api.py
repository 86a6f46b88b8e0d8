"""The pool's HTTP interface: evals, calls, and what the pool tells of itself."""

from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import parse_qs

from tyrex_pool.dispatch.ticket import Outcome, Ticket, Work
from tyrex_pool.model import names
from tyrex_pool.model.durations import format_duration
from tyrex_pool.model.errors import InvalidRequest, TyrexError
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.model.pool_view import PoolView, encode_pool
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.trace_context import accepted
from tyrex_pool.model.wire import EvalRequest, decode_call, decode_eval, encode_json
from tyrex_pool.pool.view import ExplainView
from tyrex_pool.server.http.connection import Connection, Pending, Routes
from tyrex_pool.server.http.messages import Request, error_answer, head, trace_line
from tyrex_pool.server.telemetry.eval_record import ABANDONED, OK, Observer, ending
from tyrex_pool.server.telemetry.metrics import Metrics
from tyrex_pool.server.ticket import ServerTicket


class Pool(Protocol):
    """What serves evals: isolates of this process or other servers."""

    @property
    def spec(self) -> PoolSpec:
        """What the pool should be now."""
        ...

    @property
    def ready(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...
    def submit(self, ticket: ServerTicket) -> None: ...
    def cancel(self, ticket: ServerTicket) -> None: ...
    def describe(self) -> PoolView: ...
    def explain(self, key: str | None) -> ExplainView: ...


_JSON = (names.TYPE_JSON.encode(), b"")
JSON_HEAD = head(200, names.TYPE_JSON)
"""The start of every result."""
_EVAL = names.PATH_EVAL.encode()
_CALL = names.PATH_CALL.encode()
_TYPES = {kind.encode(): language for kind, language in names.LANGUAGES.items()}


class Exchange(ServerTicket):
    """An eval that a connection waits for."""

    __slots__ = ("api", "reply_to")
    api: "Api"
    reply_to: Connection

    def abandon(self) -> None:
        self.api.abandon(self)


def trail(ticket: Ticket) -> bytes:
    """What an eval was and how long it took, as header lines."""
    started = ticket.started or ticket.finished
    return _TRAIL % (
        ticket.epoch,
        ticket.id,
        (started - ticket.arrived) * 1000,
        (ticket.finished - started) * 1000 if ticket.finished else 0.0,
    )


_TRAIL = (
    f"{names.HEADER_EPOCH}: %d\r\n{names.HEADER_EVAL}: %b\r\n"
    f"{names.HEADER_SERVER_TIMING}: queue;dur=%.3f, eval;dur=%.3f\r\n"
).encode()
RUNTIME = f"{names.HEADER_RUNTIME}: %b\r\n".encode()
"""Who ran it, as a header line."""
_RESULT = JSON_HEAD + RUNTIME + b"%b%b"


class Api:
    """Handlers over a backend; `routes` is what a listener wants.

    `begin` makes the trace of an eval from the one that came with it, which may be empty; without it that one is passed
    on. `observers` hear how each eval ended. `traces` says that an eval needs a trace even if it came without one.
    """

    def __init__(
        self,
        backend: Pool,
        metrics: Metrics,
        begin: Callable[[bytes], bytes] | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.backend = backend
        self.metrics = metrics
        self.observers = observers
        self.traces = begin is not None
        self._begin = begin or accepted
        self._bound_deliver = self._deliver
        self.routes: Routes = {
            _EVAL: {b"POST": self._eval},
            _CALL: {b"POST": self._call},
            names.PATH_POOL.encode(): {b"GET": self._pool},
            names.PATH_EXPLAIN.encode(): {b"GET": self._explain},
        }

    def read(self, request: Request) -> Work:
        """What `request`, which may have come in another way than over HTTP, asks for. Raises InvalidRequest."""
        if request.head.path == _EVAL:
            return _read_eval(request)
        if request.head.path == _CALL:
            return decode_call(request.body)
        raise InvalidRequest(f"there is no {request.head.path.decode('latin-1')}")

    def _eval(self, connection: Connection, request: Request) -> Pending | None:
        return self._submit(connection, request, _read_eval(request))

    def _call(self, connection: Connection, request: Request) -> Pending | None:
        return self._submit(connection, request, decode_call(request.body))

    def _submit(self, connection: Connection, request: Request, work: Work) -> Pending | None:
        head, key = request.head, work.key
        if head.key is not None and key is None:
            key = _text(head.key, names.HEADER_KEY)
        if head.timeout_ms is None and work.timeout_ms is None:
            seconds: float = self.backend.spec.timeouts.eval
        else:
            seconds = self._timeout(head.timeout_ms, work.timeout_ms)
        exchange = Exchange(work, key, request.arrived, request.arrived + seconds, self._bound_deliver)
        exchange.api = self
        exchange.request = request
        exchange.reply_to = connection
        if request.trace or self.traces:
            self.trace(exchange, request.trace)
        try:
            self.backend.submit(exchange)
        except TyrexError as error:
            self.metrics.refused(error.name)
            connection.respond(*error_answer(error, trace_line(exchange.trace)))
            if self.observers:
                self.tell(exchange, error)
            return None
        return exchange

    def trace(self, ticket: ServerTicket, header: bytes) -> None:
        """Give `ticket` its trace; `header` is the one that came with it."""
        ticket.parent = header
        ticket.trace = self._begin(header)

    def abandon(self, ticket: ServerTicket) -> None:
        """Nobody waits for `ticket` any more."""
        self.backend.cancel(ticket)
        self.metrics.refused(ABANDONED)
        if self.observers:
            self.tell(ticket, None)

    def tell(self, ticket: ServerTicket, outcome: Outcome | None) -> None:
        """Tell the observers; None: nobody waited any more."""
        told = ending(ticket, outcome)
        for observer in self.observers:
            observer.ended(told)

    def _deliver(self, ticket: Exchange, outcome: Outcome) -> None:
        connection = ticket.reply_to
        trace = trace_line(ticket.trace) if ticket.trace else b""
        if isinstance(outcome, bytes):
            connection.respond(_RESULT % (_label(ticket), trail(ticket), trace), b'{"result":%b}' % outcome)
            self.metrics.ended(OK, ticket)
        elif isinstance(outcome, RemoteAnswer):
            connection.respond(outcome.start + trace, outcome.body)
            self.metrics.ended(outcome.name, ticket)
        else:
            told = RUNTIME % _label(ticket) + trail(ticket) if ticket.epoch else b""
            connection.respond(*error_answer(outcome, told + trace))
            self.metrics.ended(outcome.name, ticket)
        if self.observers:
            self.tell(ticket, outcome)

    def _timeout(self, header: bytes | None, timeout_ms: int | None) -> float:
        """Seconds; the smaller of the body's and the header's, or the pool's default."""
        timeouts = self.backend.spec.timeouts
        if header is not None:
            told = _number(header)
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
        connection.respond(JSON_HEAD, encode_pool(self.backend.describe()))

    def _explain(self, connection: Connection, request: Request) -> None:
        keys = parse_qs(request.head.query.decode("latin-1"), keep_blank_values=True, encoding="utf-8").get("key")
        connection.respond(JSON_HEAD, encode_json(self.backend.explain(keys[0] if keys else None)))


def _read_eval(request: Request) -> EvalRequest:
    kind = request.head.content_type
    if kind not in _JSON:
        kind = kind.partition(b";")[0].strip().lower()
    if kind in _JSON:
        return decode_eval(request.body)
    language = _TYPES.get(kind)
    if language is None:
        known = ", ".join((names.TYPE_JSON, *names.LANGUAGES))
        raise InvalidRequest(f"Content-Type: write one of {known}; got {kind.decode('latin-1')!r}")
    return EvalRequest(_text(request.body, "the body"), language=language)  # type: ignore[arg-type]


def _label(ticket: Ticket) -> bytes:
    slot = ticket.slot
    assert slot is not None
    return slot.label


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
