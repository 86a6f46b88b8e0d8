"""The balancer in an event loop: evals come in, a driver sends them to runtimes, deadlines are kept."""

import asyncio
import logging
from time import monotonic
from typing import Any, Protocol

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.deadlines import TICK
from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.model.errors import QueueTimeout

log = logging.getLogger("tyrex_pool")


class Driver(Protocol):
    """What stands behind the slots: isolates of this process, or connections to other servers."""

    def pump(self, slot: Slot) -> None:
        """Send what `slot` may be sent now."""
        ...

    def overdue(self, ticket: Ticket) -> None:
        """The deadline of `ticket`, which was sent, has passed: answer it."""
        ...


def answer(ticket: Ticket, outcome: Any) -> None:
    """Deliver `outcome`, unless nobody waits or it was answered already."""
    deliver = ticket.deliver
    if deliver is not None:
        ticket.deliver = None
        try:
            deliver(ticket, outcome)
        except Exception:  # whoever waits failed to take it: the others must not notice
            log.exception("an answer could not be delivered")


def too_late(ticket: Ticket, now: float, waited_for: str = "its turn") -> None:
    """Answer `ticket`, which never started, that its deadline has passed."""
    ticket.started, ticket.finished = 0.0, now
    answer(ticket, QueueTimeout(f"the deadline passed while the eval waited for {waited_for}"))


class Dispatcher:
    """`submit` and `cancel` for servers and LocalPool; times are `monotonic()` seconds."""

    def __init__(self, balancer: Balancer, driver: Driver, loop: asyncio.AbstractEventLoop) -> None:
        self.balancer = balancer
        self._driver = driver
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, ticket: Ticket, avoid: Slot | None = None) -> None:
        """Take `ticket`, which is answered through its `deliver`. Raises NoRuntime, Overloaded, StrategyError."""
        slot = self.balancer.submit(ticket, avoid)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)
        self._driver.pump(slot)

    def cancel(self, ticket: Ticket) -> None:
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
