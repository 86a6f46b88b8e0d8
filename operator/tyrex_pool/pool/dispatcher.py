"""The balancer in an event loop: evals come in, a driver sends them to runtimes, deadlines are kept."""

import asyncio
import logging
from time import monotonic
from typing import Generic, Protocol, TypeVar

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.deadlines import TICK
from tyrex_pool.dispatch.ticket import Outcome, Slot, State, Ticket
from tyrex_pool.model.errors import QueueTimeout

log = logging.getLogger("tyrex_pool")

T = TypeVar("T", bound=Ticket)
Owner = TypeVar("Owner")
Owner_contra = TypeVar("Owner_contra", contravariant=True)


class Driver(Protocol[T, Owner_contra]):
    """Sends tickets to the runtimes of the slots: isolates of this process, or other servers."""

    def pump(self, slot: Slot[T, Owner_contra]) -> None:
        """Send the tickets that `slot` may be sent now."""
        ...

    def overdue(self, ticket: T) -> None:
        """The deadline of `ticket`, which was sent, has passed: answer it."""
        ...


def answer(ticket: Ticket, outcome: Outcome) -> None:
    """Deliver `outcome`, unless nobody waits or the ticket was answered already."""
    deliver = ticket.deliver
    if deliver is not None:
        ticket.deliver = None
        try:
            deliver(ticket, outcome)
        except Exception:  # the caller failed to take its answer: other evals must not notice
            log.exception("an answer could not be delivered")


def too_late(ticket: Ticket, now: float, waited_for: str = "its turn") -> None:
    """Answer `ticket`, which never started, that its deadline has passed."""
    ticket.started, ticket.finished = 0.0, now
    answer(ticket, QueueTimeout(f"the deadline passed while the eval waited for {waited_for}"))


class Dispatcher(Generic[T, Owner]):
    """`submit` and `cancel` for servers and LocalPool; times are `monotonic()` seconds."""

    def __init__(self, balancer: Balancer[T, Owner], driver: Driver[T, Owner], loop: asyncio.AbstractEventLoop) -> None:
        self.balancer = balancer
        self._driver = driver
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, ticket: T, avoid: Slot[T, object] | None = None) -> None:
        """Dispatch `ticket`, which is answered through its `deliver`. Raises NoRuntime, Overloaded, StrategyError."""
        slot = self.balancer.submit(ticket, avoid)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)
        self._driver.pump(slot)

    def cancel(self, ticket: T) -> None:
        """Nobody waits for `ticket` any more."""
        self.balancer.cancel(ticket)

    def _tick(self) -> None:
        deadlines = self.balancer.deadlines
        self._timer = self._loop.call_later(TICK, self._tick) if deadlines else None
        now = monotonic()
        for ticket in self.balancer.overdue(now):
            if ticket.state is State.DONE:
                too_late(ticket, now)
            else:
                self._driver.overdue(ticket)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
