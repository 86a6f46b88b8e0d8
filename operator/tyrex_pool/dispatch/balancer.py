"""Which runtime gets which eval, and in what order: pure, with the time as an argument, without I/O.

A ticket's life (the moves are methods of `Balancer`):

    submit ──► WAITING ──take──► RUNNING ──finish──► DONE
                  ▲  └──take──► STAGED ──(a place is free)──► RUNNING
                  └──────── decline ───┘

A staged eval is in the runtime's pipe behind the running ones, so that the runtime need not wait for us between
two evals. The runtime may start it, but only until its lease ends: after that the runtime declines it, so whether
it ran is certain at any time (docs/decisions/0002-leases.md).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from tyrex_pool.dispatch.deadlines import Deadlines
from tyrex_pool.dispatch.strategy import DispatchStrategy, Explanation
from tyrex_pool.dispatch.ticket import DONE, RUNNING, STAGED, WAITING, Slot, Ticket
from tyrex_pool.model.errors import NoRuntime, Overloaded

STAGED_SECONDS = 0.005
"""Seconds of work, by the mean run time, that may be staged: so little that no lease ends meanwhile."""
_MEAN_WEIGHT = 0.1
T = TypeVar("T", bound=Ticket)
Owner = TypeVar("Owner")


class Balancer(Generic[T, Owner]):
    """Tickets over slots. Every ticket ends exactly once: finished, dropped, overdue, or lost with its runtime."""

    def __init__(self, strategy: DispatchStrategy) -> None:
        self.ready: tuple[Slot[T, Owner], ...] = ()
        self.deadlines: Deadlines[T] = Deadlines()
        self.use(strategy)

    def use(self, strategy: DispatchStrategy) -> None:
        """From now on `strategy` chooses; evals that have a runtime keep it."""
        self.strategy = strategy
        self._select = cast(  # a strategy returns one of the runtimes that it gets, which are slots
            "Callable[[Sequence[Slot[T, Owner]], str | None], Slot[T, Owner] | None]", strategy.select
        )
        self._follow(self.ready)

    def explain(self, key: str | None) -> Explanation:
        """The runtime that would serve `key` now (None: not known beforehand), and the reason; changes nothing."""
        return self.strategy.explain(self.ready, key)

    def set_ready(self, slots: Sequence[Slot[T, Owner]]) -> None:
        """From now on these are the runtimes to choose from."""
        ready = tuple(sorted(slots, key=lambda slot: slot.index))
        if ready != self.ready:
            self._follow(ready)

    def _follow(self, ready: tuple[Slot[T, Owner], ...]) -> None:
        """Have the strategy follow the loads of these slots, and of no others."""
        for slot in self.ready:
            slot.watch = None
        self.ready = ready
        self.strategy.follow(ready)

    def submit(self, ticket: T, avoid: Slot[T, object] | None = None) -> Slot[T, Owner]:
        """Give `ticket` a slot, where it waits until `take`; not `avoid`, which could not take it before.

        Raises NoRuntime, Overloaded, or StrategyError from a custom strategy: the eval certainly never started.
        """
        if not self.ready:
            raise NoRuntime("no runtime of the pool is ready")
        slot = self._select(self.ready, ticket.key)
        if avoid is not None and slot is avoid:  # listing the others takes long, and is seldom needed
            slot = self._select(tuple(other for other in self.ready if other is not avoid), ticket.key)
        if slot is None:
            raise NoRuntime("the strategy chose no runtime")
        if slot.stage_limit is not None and slot.own >= slot.capacity + slot.queue:
            slot = self._overflow(ticket.key, slot)
        ticket.slot = slot
        ticket.state = WAITING
        slot.waiting[ticket] = None
        slot.changed(+1)
        self.deadlines.add(ticket)
        return slot

    def _overflow(self, key: str | None, full: Slot[T, Owner]) -> Slot[T, Owner]:
        """Another choice when the first is full, for strategies that do not tie an eval to one runtime."""
        if not self.strategy.may_overflow(key):
            raise Overloaded(f"the queue of runtime {full.name} is full ({full.queue} evals)")
        room = [slot for slot in self.ready if not _full(slot)]
        if not room:
            raise Overloaded(f"the queues of all {len(self.ready)} runtimes are full ({full.queue} evals each)")
        return self._select(room, key) or full

    def take(self, slot: Slot[T, Owner], now: float) -> T | None:
        """The next ticket to send to `slot`'s runtime: RUNNING (it starts on arrival), STAGED, or None."""
        source = slot.returned or slot.waiting
        if not source:
            return None
        if slot.stage_limit is None or len(slot.running) < slot.capacity:
            ticket, _ = source.popitem(last=False)
            ticket.state = RUNNING
            ticket.started = now
            slot.running[ticket] = None
            return ticket
        if len(slot.staged) < slot.stage_limit and (len(slot.staged) + 1) * slot.mean_run_seconds <= STAGED_SECONDS:
            ticket, _ = source.popitem(last=False)
            ticket.state = STAGED
            slot.staged.append(ticket)
            return ticket
        return None

    def finish(self, ticket: T, now: float) -> None:
        """The runtime answered `ticket`; the next staged ticket runs now."""
        slot = self._leave(ticket)
        ticket.finished = now
        slot.mean_run_seconds += (now - ticket.started - slot.mean_run_seconds) * _MEAN_WEIGHT
        if slot.staged:
            self._promote(slot, now)

    def decline(self, ticket: T, now: float) -> None:
        """The runtime did not start `ticket`, its lease had ended: it waits again, before all that came later."""
        slot = ticket.slot
        assert slot is not None
        if ticket.deliver is None:
            self._leave(ticket)
        else:
            self._unsend(ticket)
            ticket.state = WAITING
            ticket.started = 0.0
            slot.returned[ticket] = None
        # staging did not pay: do not stage again before some fast evals
        slot.mean_run_seconds = max(slot.mean_run_seconds, 2 * STAGED_SECONDS)
        self._promote(slot, now)

    def cancel(self, ticket: T) -> None:
        """Nobody waits for `ticket` any more: drop it if it waits; if it runs, its answer goes nowhere."""
        ticket.deliver = None
        if ticket.state is WAITING and ticket.slot is not None:
            self._leave(ticket)

    def drop(self, ticket: T) -> None:
        """Remove `ticket`, which the runtime does not have."""
        self._leave(ticket)

    def overdue(self, now: float) -> list[T]:
        """The tickets whose deadline has passed, in any state but DONE; waiting ones have left their queue."""
        tickets = [ticket for ticket in self.deadlines.due(now) if ticket.state is not DONE]
        for ticket in tickets:
            if ticket.state is WAITING:
                self._leave(ticket)
        return tickets

    def lose(self, slot: Slot[T, Owner], began: Callable[[T], bool] = lambda _: True) -> list[T]:
        """`slot`'s isolate is gone. Returns the tickets that ran in it; those that never started wait again: staged
        ones, and running ones that had not `began` yet."""
        lost = [ticket for ticket in slot.running if began(ticket)]
        for ticket in lost:
            self._leave(ticket)
        back = list(slot.returned)
        for ticket in [*slot.running, *slot.staged]:
            if ticket.deliver is None:
                self._forget(ticket)
            else:
                ticket.state = WAITING
                ticket.started = 0.0
                back.append(ticket)
        slot.running.clear()
        slot.staged.clear()
        slot.returned = OrderedDict.fromkeys(sorted(back, key=lambda ticket: ticket.arrived))
        slot.mean_run_seconds = 0.0
        return lost

    def evict(self, slot: Slot[T, Owner]) -> list[T]:
        """Remove every waiting ticket from `slot`, oldest first: they may be submitted again."""
        tickets = [*slot.returned, *slot.waiting]
        for ticket in tickets:
            self._leave(ticket)
        return tickets

    def _promote(self, slot: Slot[T, object], now: float) -> None:
        while slot.staged and len(slot.running) < slot.capacity:
            ticket = slot.staged.popleft()
            ticket.state = RUNNING
            ticket.started = now
            slot.running[ticket] = None

    def _leave(self, ticket: T) -> Slot[T, object]:
        """Remove `ticket` from its slot for good."""
        if ticket.state is RUNNING:
            slot = ticket.slot
            assert slot is not None
            del slot.running[ticket]
        else:
            self._unsend(ticket)
        return self._forget(ticket)

    def _unsend(self, ticket: T) -> None:
        slot = ticket.slot
        assert slot is not None
        if ticket.state is RUNNING:
            del slot.running[ticket]
        elif ticket.state is STAGED:
            slot.staged.remove(ticket)
        elif ticket in slot.returned:
            del slot.returned[ticket]
        else:
            del slot.waiting[ticket]

    def _forget(self, ticket: T) -> Slot[T, object]:
        slot = ticket.slot
        assert slot is not None
        ticket.state = DONE
        self.deadlines.discard(ticket)
        slot.changed(-1)
        return slot


def _full(slot: Slot[T, Owner]) -> bool:
    """Whether `slot` takes no more; a remote runtime, which keeps its own queue, refuses evals itself."""
    return slot.stage_limit is not None and slot.own >= slot.capacity + slot.queue
