"""`POST /v1/batch`: an eval or a call in each line of the body, and an answer in a line of its own, as each finishes.

Each line is a ticket of its own. As many lines are in flight as the window allows; the others wait, first here and then
with their sender. While the pool's queue is full, and while the client does not read, no further line starts.
"""

import asyncio
import re
from collections import deque
from time import monotonic
from typing import Final

from tyrex_pool.dispatch.ticket import Outcome, Work
from tyrex_pool.dispatch.window import Window
from tyrex_pool.model import names
from tyrex_pool.model.batch import read_line, refused
from tyrex_pool.model.errors import Overloaded, PayloadTooLarge, QueueTimeout, TyrexError
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.model.ndjson import LineReader
from tyrex_pool.model.wire import CallRequest, encode_json, problem
from tyrex_pool.server.answers import result_body
from tyrex_pool.server.api import Api
from tyrex_pool.server.http.messages import Head, Request, head
from tyrex_pool.server.http.routes import Duplex, InParts, Routes
from tyrex_pool.server.requests import BATCH, CALL, EVAL, check_lines, read_text, read_timeout
from tyrex_pool.server.telemetry.eval_record import OK
from tyrex_pool.server.ticket import ServerTicket

_HEAD: Final = head(200, names.TYPE_LINES)
_WHO: Final = b'"eval":"%b","runtime":%b,"epoch":%d,'
_DOCUMENT: Final = b'{"index":%d,%b%b\n'
_REST: Final = b'"rest":true,'
"""Of an answer that also stands for every line after its own."""
_EVAL_ID: Final = re.compile(rb"\r\n%b: ([!-~]*)\r\n" % names.HEADER_EVAL.encode())
_AT_ONCE: Final = 8_192
"""Bytes of refusals in one turn of the event loop, after which others have theirs."""
PAUSE, LONGEST_PAUSE = 0.02, 0.32
"""Seconds after which a line that the pool had no room for is offered to it again; they double each time."""


class BatchTicket(ServerTicket):
    """A line in flight. `due` is its deadline; that of the ticket has a proxy's grace. `late`: it missed one before."""

    __slots__ = ("due", "index", "late")
    index: int
    due: float
    late: bool


class Batch:
    """The Exchange of one batch. Raises TyrexError for one that is refused as a whole."""

    def __init__(self, api: Api, duplex: Duplex) -> None:
        request = duplex.request
        check_lines(request)
        given = request.head
        self._key = None if given.key is None else read_text(given.key, names.HEADER_KEY)
        read_timeout(given.timeout_ms, None, api.pool.spec.timeouts)
        self._api = api
        self._duplex = duplex
        self._timeout_ms = given.timeout_ms
        self._trace = request.trace
        self._heads = {path: _head(path, given.queue) for path in (EVAL, CALL)}
        self._loop = asyncio.get_running_loop()
        self._lines = LineReader(duplex.limit)
        self._window = Window()
        self._index = 0
        """Of the next line."""
        self._tickets: set[BatchTicket] = set()
        self._again: deque[BatchTicket] = deque()
        """Those that the pool had no room for."""
        self._pause: asyncio.TimerHandle | None = None
        self._pause_seconds = PAUSE
        self._out: list[bytes] = []
        self._out_size = 0
        self._turn: asyncio.Handle | None = None
        self._whole = False
        self._document: bytes | None = None
        """The problem for which the rest of the lines does not come."""
        self._runtimes: dict[bytes, bytes] = {}
        self._bound_deliver = self._deliver
        duplex.start(_HEAD)

    # What the connection has to say

    @property
    def held(self) -> int:
        return self._lines.held

    @property
    def waiting(self) -> int:
        return self._lines.waiting

    @property
    def idle(self) -> bool:
        return not (self._tickets or self._again or self._out)

    def received(self, data: bytes) -> None:
        self._lines.feed(data)
        self._soon()

    def ended(self) -> None:
        self._whole = True
        self._lines.end()
        self._soon()

    def stop(self, document: bytes) -> None:
        self._document = document
        self._lines.clear()
        self._soon()

    def resume(self) -> None:
        self._soon()

    def abandon(self) -> None:
        self._lines.clear()
        self._again.clear()
        for handle in (self._pause, self._turn):
            if handle is not None:
                handle.cancel()
        tickets, self._tickets = self._tickets, set()
        for ticket in tickets:
            self._api.abandon(ticket)

    # One turn of the event loop: what has finished goes out together, and as much starts

    def _soon(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        self._flush()
        self._start_lines()
        if self._out:  # lines that were answered at once
            self._soon()
        elif not (self._tickets or self._again) and (self._document is not None or self._at_end()):
            self._end()
        self._duplex.pace()

    def _flush(self) -> None:
        out, self._out, self._out_size = self._out, [], 0
        if out:
            self._duplex.send(out[0] if len(out) == 1 else b"".join(out))

    def _start_lines(self) -> None:
        spec = self._api.pool.spec
        window = self._window
        window.fit(spec.size, spec.concurrency, spec.queue.length)
        self._lines.limit = self._duplex.limit
        while window.open and self._pause is None and self._out_size < _AT_ONCE and self._duplex.writable:
            if self._again:
                self._submit(self._again.popleft())
                continue
            try:
                line = self._lines.next()
            except PayloadTooLarge as error:
                self._refuse(self._next_index(), error)
                continue
            if line is None:
                break
            self._start(self._next_index(), line)

    def _at_end(self) -> bool:
        return self._whole and not self._lines.held

    def _end(self) -> None:
        whole = self._document is None
        if self._document is not None:
            self._put(_DOCUMENT % (self._index, _REST, self._document[1:]))
            self._flush()
        self._duplex.end(whole)

    def _next_index(self) -> int:
        index, self._index = self._index, self._index + 1
        return index

    # One line

    def _start(self, index: int, line: bytes) -> None:
        try:
            work = read_line(line)
            seconds = read_timeout(self._timeout_ms, work.timeout_ms, self._api.pool.spec.timeouts)
        except TyrexError as error:
            return self._refuse(index, error)
        now = monotonic()
        ticket = self._ticket(index, work, line, now, now + seconds)
        if self._trace or self._api.traces:
            self._api.begin_trace(ticket, self._trace)
        self._submit(ticket)

    def _ticket(self, index: int, work: Work, line: bytes, arrived: float, due: float) -> BatchTicket:
        key = self._key if work.key is None else work.key
        ticket = BatchTicket(work, key, arrived, due, self._bound_deliver)
        ticket.index, ticket.due, ticket.late = index, due, False
        path = CALL if isinstance(work, CallRequest) else EVAL
        ticket.request = Request(self._heads[path], line, arrived, self._trace)
        return ticket

    def _submit(self, ticket: BatchTicket) -> None:
        self._tickets.add(ticket)
        self._window.start(len(ticket.request.body), monotonic())
        try:
            self._api.pool.submit(ticket)
        except Overloaded as error:
            if not self._wait_for_room(ticket):
                self._refuse_ticket(ticket, error)
        except TyrexError as error:
            self._refuse_ticket(ticket, error)

    def _wait_for_room(self, ticket: BatchTicket) -> bool:
        """Have a ticket that certainly never started wait for room in the pool, unless its deadline has passed."""
        if monotonic() >= ticket.due:
            return False
        self._offer_again(ticket, ticket.arrived, ticket.due).late = ticket.late
        if self._pause is None:
            self._pause = self._loop.call_later(self._pause_seconds, self._end_pause)
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE)
        return True

    def _give_time(self, ticket: BatchTicket) -> bool:
        """Give a ticket that certainly never started another deadline, unless it had one."""
        if ticket.late:
            return False
        now = monotonic()
        self._offer_again(ticket, now, now + ticket.due - ticket.arrived).late = True
        self._soon()
        return True

    def _offer_again(self, ticket: BatchTicket, arrived: float, due: float) -> BatchTicket:
        self._leave(ticket, 0)
        again = self._ticket(ticket.index, ticket.work, ticket.request.body, arrived, due)
        if ticket.trace:
            again.parent, again.trace = ticket.parent, ticket.trace
        self._again.append(again)
        return again

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._soon()

    def _leave(self, ticket: BatchTicket, answer: int) -> None:
        self._tickets.discard(ticket)
        self._window.end(len(ticket.request.body), answer, monotonic())

    # Answers

    def _deliver(self, ticket: BatchTicket, outcome: Outcome) -> None:
        name = OK if isinstance(outcome, bytes) else outcome.name
        if (name == Overloaded.name and self._wait_for_room(ticket)) or (
            name == QueueTimeout.name and self._give_time(ticket)
        ):
            return
        if isinstance(outcome, bytes):
            who = self._who(ticket, ticket.id, ticket.epoch)
            line = _DOCUMENT % (ticket.index, who, result_body(ticket, outcome)[1:])
        elif isinstance(outcome, RemoteAnswer):
            found = _EVAL_ID.search(outcome.start)
            who = self._who(ticket, found[1], outcome.epoch) if found else b""
            line = _DOCUMENT % (ticket.index, who, outcome.body[1:])
        else:
            who = self._who(ticket, ticket.id, ticket.epoch) if ticket.epoch else b""
            line = _DOCUMENT % (ticket.index, who, problem(outcome)[1:])
        self._leave(ticket, len(line))
        self._put(line)
        self._pause_seconds = PAUSE
        self._end_pause()
        self._api.metrics.ended(name, ticket)
        if self._api.observers:
            self._api.notify(ticket, outcome)

    def _who(self, ticket: BatchTicket, eval_id: bytes, epoch: int) -> bytes:
        """The members that say who ran the line."""
        slot = ticket.slot
        assert slot is not None
        runtime = self._runtimes.get(slot.label)
        if runtime is None:
            runtime = self._runtimes[slot.label] = encode_json(slot.name)
        return _WHO % (eval_id, runtime, epoch)

    def _refuse_ticket(self, ticket: BatchTicket, error: TyrexError) -> None:
        """No runtime gets it."""
        self._leave(ticket, 0)
        self._refuse(ticket.index, error)
        self._api.metrics.refused(error.name)
        if self._api.observers:
            self._api.notify(ticket, error)

    def _refuse(self, index: int, error: TyrexError) -> None:
        self._put(refused(index, error) + b"\n")

    def _put(self, line: bytes) -> None:
        self._out.append(line)
        self._out_size += len(line)


def _head(path: bytes, queue: bytes | None) -> Head:
    """What the requests of lines have in common."""
    shared = Head()
    shared.method, shared.path, shared.content_type, shared.queue = b"POST", path, names.TYPE_JSON.encode(), queue
    return shared


def with_batch(api: Api) -> Routes:
    """The routes of `api`, and that of batches."""
    return {**api.routes, BATCH: {b"POST": InParts(lambda duplex: Batch(api, duplex))}}
