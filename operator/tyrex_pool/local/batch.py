"""A batch in a LocalPool: items start as the pool has room for them, and their answers come as they finish."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from time import monotonic
from typing import Final

from tyrex_pool.dispatch.ticket import Outcome, Ticket
from tyrex_pool.dispatch.window import Window
from tyrex_pool.model.batch import BatchAnswer, Item, line_of, read_line
from tyrex_pool.model.durations import format_duration
from tyrex_pool.model.errors import InvalidRequest, Overloaded, QueueTimeout, TyrexError
from tyrex_pool.model.wire import decode_json, unreadable
from tyrex_pool.runtime.isolate_pool import IsolatePool

PAUSE: Final = 0.05
"""Seconds after which an item that the pool had no room for is offered to it again."""
_UNTAKEN: Final = 64
"""Answers that nobody has taken, before no further item starts."""


class _Item(Ticket):
    """`late`: it missed a deadline before."""

    __slots__ = ("index", "late", "size")
    index: int
    late: bool
    size: int


class LocalBatch:
    """One batch over `pool`."""

    def __init__(self, pool: IsolatePool, items: Iterable[Item]) -> None:
        self._pool = pool
        self._items = enumerate(items)
        self._ended = False
        self._window = Window()
        self._tickets: set[_Item] = set()
        self._waiting: deque[_Item] = deque()
        """Those that are offered to the pool again."""
        self._answers: deque[BatchAnswer] = deque()
        self._news = asyncio.Event()

    async def answers(self) -> AsyncGenerator[BatchAnswer, None]:
        """One for each item; closing it cancels what is in flight."""
        spec = self._pool.spec
        self._window.fit(spec.size, spec.concurrency, spec.queue.length)
        try:
            while True:
                self._start()
                while self._answers:
                    yield self._answers.popleft()
                    self._start()
                if self._ended and not (self._tickets or self._waiting):
                    return
                await self._wait()
        finally:
            for ticket in self._tickets:
                self._pool.cancel(ticket)

    async def _wait(self) -> None:
        """Until something has finished, or there may be room again."""
        try:
            async with asyncio.timeout(PAUSE if self._waiting else None):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    def _start(self) -> None:
        """Start as many items as there is room for; none while many answers wait."""
        while self._window.open and len(self._answers) < _UNTAKEN:
            ticket = self._waiting.popleft() if self._waiting else self._next()
            if ticket is None:
                return
            if not self._submit(ticket):
                self._waiting.appendleft(ticket)
                return

    def _next(self) -> _Item | None:
        """The ticket of the next item that is one; answers the others."""
        for index, item in self._items:
            try:
                return self._ticket(index, line_of(item, index))
            except TyrexError as error:
                self._answers.append(_failed(index, error))
                if len(self._answers) >= _UNTAKEN:
                    return None
        self._ended = True
        return None

    def _ticket(self, index: int, line: bytes) -> _Item:
        work, timeouts = read_line(line), self._pool.spec.timeouts
        seconds = timeouts.eval if work.timeout_ms is None else work.timeout_ms / 1000
        if seconds > timeouts.max_eval:
            limit = format_duration(timeouts.max_eval)
            raise InvalidRequest(f"items[{index}].timeoutMs: write at most timeouts.maxEval ({limit})")
        now = monotonic()
        ticket = _Item(work, work.key, now, now + seconds, self._deliver)
        ticket.index, ticket.size, ticket.late = index, len(line), False
        return ticket

    def _submit(self, ticket: _Item) -> bool:
        """Whether the pool has it now; one whose deadline has passed is answered."""
        self._tickets.add(ticket)
        self._window.start(ticket.size, monotonic())
        try:
            self._pool.submit(ticket)
        except TyrexError as error:
            if isinstance(error, Overloaded) and monotonic() < ticket.deadline:
                self._leave(ticket, 0)
                return False
            self._deliver(ticket, error)
        return True

    def _leave(self, ticket: _Item, size: int) -> None:
        self._tickets.discard(ticket)
        self._window.end(ticket.size, size, monotonic())

    def _deliver(self, ticket: _Item, outcome: Outcome) -> None:
        self._news.set()
        if isinstance(outcome, QueueTimeout) and not ticket.late:  # it certainly never started
            self._leave(ticket, 0)
            self._waiting.append(self._another(ticket))
            return
        self._leave(ticket, len(outcome) if isinstance(outcome, bytes) else 1)
        self._answers.append(_answered(ticket, outcome))

    def _another(self, ticket: _Item) -> _Item:
        """The same with another deadline."""
        now = monotonic()
        again = _Item(ticket.work, ticket.key, now, now + ticket.deadline - ticket.arrived, self._deliver)
        again.index, again.size, again.late = ticket.index, ticket.size, True
        return again


def _answered(ticket: _Item, outcome: Outcome) -> BatchAnswer:
    if isinstance(outcome, TyrexError):
        return _failed(ticket.index, outcome, ticket)
    assert isinstance(outcome, bytes)  # isolates of this process have no other outcome
    try:
        result = decode_json(outcome)
    except ValueError as error:
        return _failed(ticket.index, unreadable(error), ticket)
    console = ticket.console
    printed = (None, False) if console is None else (console.lines, console.truncated)
    return BatchAnswer(ticket.index, result, None, *_who(ticket), *printed)


def _failed(index: int, error: TyrexError, ticket: _Item | None = None) -> BatchAnswer:
    return BatchAnswer(index, None, error, *(("", "") if ticket is None else _who(ticket)))


def _who(ticket: _Item) -> tuple[str, str]:
    """The runtime that ran it, and its epoch."""
    return (ticket.slot.name, str(ticket.epoch)) if ticket.slot is not None and ticket.epoch else ("", "")
