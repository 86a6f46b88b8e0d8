"""A pool whose runtimes are other servers: the same balancer, over streams instead of isolates.

The other server is the authority on its capacity and its queue's order; here it is only chosen. An eval is sent a
second time only when it certainly never started.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from tyrex_pool.dispatch import custom
from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import Strategy, may_overflow
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.model.errors import DeadRuntimeError, NoRuntime, Overloaded, TyrexError
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.pool.dispatcher import Dispatcher, answer, too_late
from tyrex_pool.pool.view import PARKED, SERVING, SlotState, describe, explain
from tyrex_pool.server.http.messages import RUNTIME_LINE
from tyrex_pool.server.remote.definition import UNDEFINED, Definition
from tyrex_pool.server.remote.discovery import Discovery, Endpoint
from tyrex_pool.server.remote.health_check import HealthCheck, pause
from tyrex_pool.server.remote.remote_runtime import RemoteRuntime
from tyrex_pool.server.remote.upstream import Upstream, connect

GRACE = 0.15
"""Seconds past the deadline in which the other server's own answer is waited for."""
MOST_AT_ONCE = 4096
"""Evals that one server may have of us; a strategy's choice that has more waits here."""
ATTEMPTS = 2
"""Runtimes that one eval is offered to, at most."""
_LOOK_SOON = 0.1
_LOOK_TIMEOUT = 2.0
_CONNECTION = "a connection to a runtime"
_NOT_STARTED = frozenset({NoRuntime.name, Overloaded.name})
_GONE = frozenset({SlotState.STOPPED, SlotState.UNREACHABLE})

log = logging.getLogger("tyrex_pool")


class RemotePool:
    """A backend for `Api`. Make it in a running loop, run `follow` as a task, end with `close`."""

    def __init__(self, name: str, definition: Definition | None = None) -> None:
        """With a `definition` that stays, the pool is ready when a runtime is, and runtimes keep their own queues.

        With None it gets definitions later (`use_definition`, `definition_unavailable`). It is ready when it has one
        and has checked its runtimes, however they are: then each eval gets an answer that says what is wrong.
        """
        self.name = name
        self.changed: Callable[[], None] = lambda: None
        self.retries = 0
        self._told = definition is None
        self._loop = asyncio.get_running_loop()
        self._definition = definition or UNDEFINED
        self.spec = self._definition.spec
        self._balancer = Balancer(self._definition.strategy)
        self._dispatcher = Dispatcher(self._balancer, self, self._loop)
        self._remotes: dict[str, RemoteRuntime] = {}
        self._upstreams: set[Upstream] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lacks = "what it should be has not been read yet"
        self._defined = asyncio.Event()
        self._looked = asyncio.Event()
        if definition is not None:
            self._defined.set()

    # What it should be

    def use_definition(self, definition: Definition) -> None:
        """From now on the pool is this; no eval and no connection is lost over it."""
        old, self._definition = self._definition, definition
        self.spec = definition.spec
        if definition.strategy is not old.strategy:
            self._balancer.use(definition.strategy)
            self._close_strategy(old.strategy)
        for remote in self._remotes.values():
            self._give_orders(remote)
        self._defined.set()
        self.changed()

    def definition_unavailable(self, reason: str) -> None:
        """What the pool should be cannot be told: it stays what it is; if it never was anything, evals get `reason`."""
        self._lacks = reason

    def _close_strategy(self, strategy: Strategy) -> None:
        problem = custom.close(strategy)
        if problem is not None:
            log.warning("%s", problem)

    # What servers ask

    @property
    def connections(self) -> int:
        """Open ones to runtimes."""
        return len(self._upstreams)

    @property
    def ready(self) -> bool:
        return self._looked.is_set() if self._told else bool(self._balancer.ready)

    @property
    def reason(self) -> str | None:
        """Why no runtime is ready."""
        if not self._defined.is_set():
            return self._lacks
        if not self._remotes:
            return PARKED if self.spec.size == 0 else "it has no runtimes yet"
        return next((remote.reason for remote in self._remotes.values() if remote.reason), "no runtime answers yet")

    def describe(self) -> dict[str, Any]:
        """The answer of `GET /v1/pool`."""
        errors = [remote.last_error for remote in self._remotes.values() if remote.last_error is not None]
        last_error = max(errors, key=lambda error: error.get("at", ""), default=None)
        remotes, strategy = self._remotes.values(), self._definition.strategy
        shown = describe(self.name, self.spec, strategy, remotes, last_error, self._definition.generation)
        return shown if self._defined.is_set() else shown | {"ready": False}

    def explain(self, key: str | None) -> dict[str, Any]:
        """The answer of `GET /v1/explain`."""
        return explain(self._balancer, key)

    def submit(self, ticket: Ticket) -> None:
        """Raises NoRuntime, StrategyError."""
        if not self._balancer.ready:
            reason = self.reason
            raise NoRuntime(PARKED if reason is PARKED else f"no runtime is ready: {reason}")
        ticket.deadline += GRACE
        self._dispatcher.submit(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Leave: the other server is told, and drops what has not started."""
        self._dispatcher.cancel(ticket)
        if ticket.sent_on is not None:
            self._withdraw(ticket)

    # Who is there

    async def first_look(self) -> None:
        """Wait until every runtime of the pool has been looked at once."""
        await self._looked.wait()

    async def follow(self, discovery: Discovery) -> None:
        """Keep to what `discovery` says, until cancelled."""
        await self._defined.wait()
        async for endpoints in discovery.endpoints():
            self._keep(endpoints)

    def _keep(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Have exactly these runtimes, in this order."""
        for name, remote in list(self._remotes.items()):
            if endpoints.get(name) != remote.endpoint:
                self._remove(name)
        there = self._remotes
        self._remotes = {name: there.get(name) or self._new(name, endpoint) for name, endpoint in endpoints.items()}
        for index, remote in enumerate(self._remotes.values()):
            remote.slot.index = index
        self._update()
        self._note_looks()

    def _new(self, name: str, endpoint: Endpoint) -> RemoteRuntime:
        remote = RemoteRuntime(
            Slot(name, 0, self.spec.concurrency, 0, stage_limit=None), endpoint, RUNTIME_LINE % name.encode()
        )
        remote.slot.owner = remote
        remote.watcher = self._spawn(self._watch(remote))
        return remote

    def _remove(self, name: str) -> None:
        """Forget a runtime; the evals that it has go on to their end."""
        remote = self._remotes.pop(name)
        if remote.watcher is not None:
            remote.watcher.cancel()
        self._down(remote, SlotState.STOPPED, "it is not part of the pool any more")

    async def _watch(self, remote: RemoteRuntime) -> None:
        with contextlib.closing(HealthCheck(remote.endpoint)) as health_check:
            while True:
                await self._look(remote, health_check)
                remote.looked = True
                self._note_looks()
                ready = remote.state is SlotState.READY
                await asyncio.sleep(pause(remote.slot.index, monotonic()) if ready else _LOOK_SOON)

    async def _look(self, remote: RemoteRuntime, health_check: HealthCheck) -> None:
        """See how a runtime is. It is ready when it says so and a stream leads to it."""
        before = remote.slot.own
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT):
                report = await health_check.look()
        except (OSError, ValueError) as error:
            self._down(remote, SlotState.UNREACHABLE, _told(remote, error))
            return
        remote.last_error = report.last_error
        if not report.serving:
            self._down(remote, *report.trouble)
            return
        if remote.upstream is None and not remote.opening and not await self._open(remote):
            return
        was_ready = remote.state in SERVING
        remote.learn(report, max(before, remote.slot.own))  # an eval may have ended since it was counted there
        self._give_orders(remote)
        if not was_ready:
            self._update()

    def _note_looks(self) -> None:
        if not self._looked.is_set() and all(remote.looked for remote in self._remotes.values()):
            self._looked.set()

    def _give_orders(self, remote: RemoteRuntime) -> None:
        if self._told:
            remote.order_queue(self.spec.queue.length)

    def _down(self, remote: RemoteRuntime, state: SlotState, reason: str) -> None:
        """Choose it no more; what has not been sent goes elsewhere."""
        was_ready = remote.state in SERVING
        remote.state, remote.reason = state, reason
        if was_ready:
            self._update()
        waiting = self._balancer.evict(remote.slot)
        if state in _GONE and remote.upstream is not None:
            remote.upstream.leave()
        for ticket in waiting:
            self._again(ticket, NoRuntime(f"runtime {remote.slot.name} cannot be reached: {reason}"))

    def _update(self) -> None:
        self._balancer.set_ready([remote.slot for remote in self._remotes.values() if remote.state in SERVING])

    def _again(self, ticket: Ticket, error: TyrexError | RemoteAnswer) -> None:
        """Offer an eval that certainly never started to another runtime, or give up with `error`."""
        ticket.attempts += 1
        if ticket.attempts < ATTEMPTS and self._balancer.ready and ticket.deliver is not None:
            try:
                self._dispatcher.submit(ticket, avoid=ticket.slot)
                self.retries += 1
                return
            except TyrexError:
                pass
        answer(ticket, error)

    # The dispatcher's driver

    def pump(self, slot: Slot) -> None:
        remote: RemoteRuntime = slot.owner
        upstream = remote.upstream
        if upstream is None:
            if not remote.opening and remote.state is not SlotState.STOPPED:  # then others serve what waits
                remote.opening = True
                self._spawn(self._open(remote))
            return
        now = monotonic()
        while (slot.waiting or slot.returned) and not upstream.full and len(upstream) < MOST_AT_ONCE:
            ticket = self._balancer.take(slot, now)
            if ticket is None:
                break
            left = ticket.deadline - GRACE - now
            if left <= 0.0:
                self._balancer.drop(ticket)
                too_late(ticket, now, _CONNECTION)
            else:
                upstream.send(ticket, int(left * 1000) or 1, remote.queue_order)

    async def _open(self, remote: RemoteRuntime) -> bool:
        """Have a stream to `remote`; returns whether there is one now."""
        remote.opening = True
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT):
                upstream = await connect(remote.endpoint, self, remote)
        except OSError as error:
            if remote.state is not SlotState.STOPPED:
                self._down(remote, SlotState.UNREACHABLE, _told(remote, error))
            return False
        finally:
            remote.opening = False
        if remote.state is SlotState.STOPPED:
            upstream.close()
            return False
        self._upstreams.add(upstream)
        remote.upstream = upstream
        self._go_on(remote.slot)
        return True

    def _go_on(self, slot: Slot) -> None:
        """There may be room for what waits."""
        if slot.waiting or slot.returned:
            self.pump(slot)

    def answered(self, upstream: Upstream, ticket: Ticket, answered: RemoteAnswer) -> None:
        remote: RemoteRuntime = upstream.runtime
        slot = remote.slot
        ticket.sent_on = None
        if answered.epoch:
            slot.epoch = answered.epoch
            slot.foreign_load = max(0, answered.load - slot.own + 1)  # `finish` reckons with it
        self._balancer.finish(ticket, monotonic())
        answered.start += remote.label + answered.more
        if answered.name in _NOT_STARTED and self._may_move(ticket, answered):
            self._again(ticket, answered)
        else:
            answer(ticket, answered)
        if slot.waiting or slot.returned:  # as `_go_on`, without a call for every eval
            self.pump(slot)

    def _may_move(self, ticket: Ticket, outcome: RemoteAnswer) -> bool:
        """Whether an eval that one runtime would not take may be offered to another."""
        return outcome.name == NoRuntime.name or may_overflow(self._definition.strategy, ticket.key)

    def writable(self, upstream: Upstream) -> None:
        self._go_on(upstream.runtime.slot)

    def leaving(self, upstream: Upstream) -> None:
        remote: RemoteRuntime = upstream.runtime
        if remote.upstream is upstream:
            remote.upstream = None
            self._go_on(remote.slot)

    def lost(self, upstream: Upstream, tickets: list[Ticket]) -> None:
        self._upstreams.discard(upstream)
        self.leaving(upstream)
        slot = upstream.runtime.slot
        for ticket in tickets:
            ticket.sent_on = None
            self._balancer.finish(ticket, monotonic())
            answer(ticket, DeadRuntimeError(f"the connection to {slot.name} broke while it had the eval"))

    def overdue(self, ticket: Ticket) -> None:
        """The other server did not keep the deadline: it is cut off or stuck. What comes next gets a new stream."""
        if ticket.sent_on is None:
            too_late(ticket, monotonic(), _CONNECTION)
            return
        upstream: Upstream = ticket.sent_on[0]
        upstream.leave()
        self._withdraw(ticket)
        name = ticket.slot.name if ticket.slot else "?"
        answer(ticket, DeadRuntimeError(f"runtime {name} did not answer by the deadline"))

    def _withdraw(self, ticket: Ticket) -> None:
        """Tell the server that has `ticket` that nobody waits for it."""
        upstream, number = ticket.sent_on
        ticket.sent_on = None
        self._balancer.finish(ticket, monotonic())
        upstream.forget(number)
        self._go_on(upstream.runtime.slot)

    # Housekeeping

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Close every connection; what is not answered yet gets an error."""
        for name in list(self._remotes):
            self._remove(name)
        for upstream in list(self._upstreams):
            upstream.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._dispatcher.close()
        self._close_strategy(self._definition.strategy)


def _told(remote: RemoteRuntime, error: Exception) -> str:
    """What is wrong with a server that could not be asked."""
    return f"{remote.endpoint.name}: {str(error) or type(error).__name__}"
