"""A pool whose runtimes are other servers: the same balancer, over connections instead of isolates.

The other server is the authority on its capacity and its queue's order; here it is only chosen. An eval is sent a
second time only when it certainly never started.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tyrex_pool.dispatch import custom
from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import Strategy, moves
from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.model.errors import DeadRuntimeError, NoRuntime, Overloaded, TyrexError
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.runtime.dispatcher import Dispatcher, answer, too_late
from tyrex_pool.runtime.view import SERVING, SlotState, describe, explain
from tyrex_pool.server.api import Relayed
from tyrex_pool.server.discovery import Discovery, Endpoint
from tyrex_pool.server.upstream import Upstream, connect, look

GRACE = 0.15
"""Seconds past the deadline in which the other server's own answer is waited for."""
ATTEMPTS = 2
"""Runtimes that one eval is offered to, at most."""
MAX_CONNECTIONS = 1024
OPENING_AT_ONCE = 32
IDLE = 30.0
"""Seconds after which an unused connection is closed: well before the other side does it."""
_LOOK_EVERY = 1.0
_LOOK_SOON = 0.1
_LOOK_TIMEOUT = 2.0
_POLL = 0.01
_CONNECTION = "a connection to a runtime"


@dataclass(eq=False, slots=True)
class Remote:
    """One server and our connections to it."""

    slot: Slot
    endpoint: Endpoint
    state: SlotState = SlotState.STARTING
    reason: str | None = None
    idle: list[Upstream] = field(default_factory=list)
    open: set[Upstream] = field(default_factory=set)
    opening: int = 0
    watcher: asyncio.Task[None] | None = None


class RemotePool:
    """A backend for `Api`. Make it in a running loop, run `follow` as a task, end with `close`."""

    def __init__(self, name: str, spec: PoolSpec, strategy: Strategy) -> None:
        self.name = name
        self.spec = spec
        self._loop = asyncio.get_running_loop()
        self._balancer = Balancer(strategy)
        self._strategy = strategy
        self._dispatcher = Dispatcher(self._balancer, self, self._loop)
        self._remotes: dict[str, Remote] = {}
        self._by_upstream: dict[Upstream, Remote] = {}
        self._carriers: dict[Ticket, Upstream] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_index = 0

    # What servers ask

    @property
    def ready(self) -> bool:
        return bool(self._balancer.ready) or not self._remotes

    @property
    def reason(self) -> str | None:
        return next((remote.reason for remote in self._remotes.values() if remote.reason), "no runtime answers yet")

    def describe(self) -> dict[str, Any]:
        """The answer of `GET /v1/pool`."""
        return describe(self.name, self.spec, self._strategy, self._remotes.values(), None)

    def explain(self, key: str | None) -> dict[str, Any]:
        """The answer of `GET /v1/explain`."""
        return explain(self._balancer, key)

    def submit(self, ticket: Ticket) -> None:
        """Raises NoRuntime, StrategyError."""
        if not self._balancer.ready:
            raise NoRuntime(f"no runtime is ready: {self.reason}")
        ticket.deadline += GRACE
        self._dispatcher.submit(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Leave: closing the connection tells the other server, which drops what has not started."""
        self._dispatcher.cancel(ticket)
        upstream = self._carriers.get(ticket)
        if upstream is not None:
            upstream.close()

    # Who is there

    async def first_look(self) -> None:
        """Wait until every runtime that is known has been looked at once."""
        while any(remote.state is SlotState.STARTING for remote in self._remotes.values()) or not self._remotes:
            await asyncio.sleep(_POLL)

    async def follow(self, discovery: Discovery) -> None:
        """Keep to what `discovery` says, until cancelled."""
        async for endpoints in discovery.endpoints():
            self._keep(endpoints)

    def _keep(self, endpoints: Mapping[str, Endpoint]) -> None:
        for name, remote in list(self._remotes.items()):
            if endpoints.get(name) != remote.endpoint:
                self._remove(name)
        for name, endpoint in endpoints.items():
            if name not in self._remotes:
                slot = Slot(name, self._next_index, self.spec.concurrency, 0, ahead=None)
                self._next_index += 1
                remote = self._remotes[name] = Remote(slot, endpoint)
                remote.watcher = self._spawn(self._watch(remote))

    def _remove(self, name: str) -> None:
        remote = self._remotes.pop(name)
        if remote.watcher is not None:
            remote.watcher.cancel()
        self._down(remote, "it is not part of the pool any more")
        remote.state = SlotState.STOPPED
        for upstream in list(remote.idle):
            upstream.close()

    async def _watch(self, remote: Remote) -> None:
        while True:
            try:
                async with asyncio.timeout(_LOOK_TIMEOUT):
                    self._seen(remote, await look(remote.endpoint))
            except (OSError, ValueError, LookupError, TypeError, asyncio.IncompleteReadError) as error:
                self._down(remote, f"{remote.endpoint.name}: {str(error) or type(error).__name__}")
            self._close_idle(remote)
            await asyncio.sleep(_LOOK_EVERY if remote.state is SlotState.READY else _LOOK_SOON)

    def _seen(self, remote: Remote, pool: dict[str, Any]) -> None:
        runtimes = pool["runtimes"]
        if not pool["ready"]:
            reasons = (runtime["reason"] for runtime in runtimes)
            self._down(remote, next(filter(None, reasons), "its runtime is not ready"))
            return
        slot = remote.slot
        slot.capacity = sum(runtime["capacity"] for runtime in runtimes)
        slot.epoch = max(runtime["epoch"] for runtime in runtimes)
        self._learn_load(slot, pool["inFlight"] + pool["queued"])
        remote.state, remote.reason = SlotState.READY, None
        self._update()

    def _learn_load(self, slot: Slot, reported: int) -> None:
        """What others have there: all that it reports, less what is ours."""
        elsewhere = reported - slot.own
        slot.elsewhere = elsewhere if elsewhere > 0 else 0
        slot.changed(0)

    def _down(self, remote: Remote, reason: str) -> None:
        """Choose it no more; what has not been sent goes elsewhere."""
        remote.state, remote.reason = SlotState.FAILED, reason
        self._update()
        for ticket in self._balancer.evict(remote.slot):
            self._again(ticket, NoRuntime(f"runtime {remote.slot.name} cannot be reached: {reason}"))

    def _update(self) -> None:
        self._balancer.set_ready([remote.slot for remote in self._remotes.values() if remote.state in SERVING])

    def _again(self, ticket: Ticket, error: TyrexError | Relayed) -> None:
        """Offer an eval that certainly never started to another runtime, or give up with `error`."""
        ticket.attempts += 1
        if ticket.attempts < ATTEMPTS and self._balancer.ready and ticket.deliver is not None:
            try:
                self._dispatcher.submit(ticket, avoid=ticket.slot)
                return
            except TyrexError:
                pass
        answer(ticket, error)

    # The dispatcher's driver

    def pump(self, slot: Slot) -> None:
        remote = self._remotes.get(slot.name)
        if remote is None or remote.slot is not slot:
            return  # it is not part of the pool any more
        now = monotonic()
        while remote.idle and (ticket := self._balancer.take(slot, now)) is not None:
            if ticket.deadline - GRACE <= now:
                self._balancer.drop(ticket)
                too_late(ticket, now, _CONNECTION)
                continue
            upstream = remote.idle.pop()
            self._carriers[ticket] = upstream
            upstream.send(ticket, max(1, int((ticket.deadline - GRACE - now) * 1000)))
        missing = len(slot.waiting) + len(slot.returned) - remote.opening
        room = min(MAX_CONNECTIONS - len(remote.open) - remote.opening, OPENING_AT_ONCE - remote.opening)
        for _ in range(min(missing, room)):
            remote.opening += 1
            self._spawn(self._open(remote))

    async def _open(self, remote: Remote) -> None:
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT):
                upstream = await connect(remote.slot.name, remote.endpoint, self)
        except OSError as error:
            remote.opening -= 1
            if not remote.open:  # else the others serve what waits
                self._down(remote, f"{remote.endpoint.name}: {str(error) or type(error).__name__}")
            return
        remote.opening -= 1
        if remote.state is SlotState.STOPPED:
            upstream.close()
            return
        remote.open.add(upstream)
        remote.idle.append(upstream)
        self._by_upstream[upstream] = remote
        self.pump(remote.slot)

    def answered(self, upstream: Upstream, ticket: Ticket, outcome: Relayed) -> None:
        remote = self._by_upstream[upstream]
        slot = remote.slot
        del self._carriers[ticket]
        self._balancer.finish(ticket, monotonic())
        slot.epoch = upstream.epoch or slot.epoch
        if upstream.epoch:
            self._learn_load(slot, upstream.load)
        upstream.idle_since = ticket.finished
        if upstream.reusable:
            remote.idle.append(upstream)
        full = outcome.name == Overloaded.name and moves(self._strategy, ticket.key)
        if full or outcome.name == NoRuntime.name:
            self._again(ticket, outcome)
        else:
            answer(ticket, outcome)
        if slot.waiting or slot.returned:
            self.pump(slot)

    def lost(self, upstream: Upstream, ticket: Ticket | None) -> None:
        remote = self._by_upstream.pop(upstream, None)
        if remote is None:
            return
        remote.open.discard(upstream)
        with contextlib.suppress(ValueError):
            remote.idle.remove(upstream)
        if ticket is not None:
            self._carriers.pop(ticket, None)
            if ticket.state is not State.DONE:
                self._balancer.finish(ticket, monotonic())
            answer(ticket, DeadRuntimeError(f"the connection to {remote.slot.name} broke while it had the eval"))
        if remote.slot.waiting or remote.slot.returned:
            self.pump(remote.slot)

    def overdue(self, ticket: Ticket) -> None:
        """The other server did not keep the deadline: it is cut off or stuck."""
        upstream = self._carriers.get(ticket)
        if upstream is None:
            too_late(ticket, monotonic(), _CONNECTION)
            return
        name = ticket.slot.name if ticket.slot else "?"
        answer(ticket, DeadRuntimeError(f"runtime {name} did not answer by the deadline"))
        upstream.close()

    # Housekeeping

    def _close_idle(self, remote: Remote) -> None:
        old = monotonic() - IDLE
        for upstream in [one for one in remote.idle if one.idle_since < old]:
            upstream.close()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Close every connection; what is not answered yet gets an error."""
        for name in list(self._remotes):
            self._remove(name)
        for upstream in list(self._by_upstream):
            upstream.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._dispatcher.close()
        custom.close(self._strategy)
