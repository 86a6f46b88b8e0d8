"""A pool whose runtimes are other servers: the same balancer, over streams instead of isolates.

The other server is the authority on its capacity and its queue's order; the balancer here only chooses a server.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategy import DispatchStrategy, Unusable
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.pool.view import PARKED, ExplainView, describe, explain
from tyrex_pool.server.remote.definition import UNDEFINED, Definition
from tyrex_pool.server.remote.discovery import Discovery, Endpoint
from tyrex_pool.server.remote.membership import Membership
from tyrex_pool.server.remote.remote_driver import GRACE, RemoteRuntime
from tyrex_pool.server.tasks import Tasks
from tyrex_pool.server.ticket import ServerTicket

log = logging.getLogger("tyrex_pool")


class RemotePool:
    """The pool of a proxy. Create it in a running loop, run `follow` as a task, end it with `close`."""

    def __init__(self, name: str, definition: Definition | None = None) -> None:
        """With a `definition`, which stays, the pool is ready when a runtime is, and runtimes keep their own queues.

        With None it gets definitions later (`use_definition`, `definition_unavailable`). It is ready when it has one
        and has checked its runtimes, however they are: then each eval gets an answer that says what is wrong.
        """
        self.name = name
        self.changed: Callable[[], None] = lambda: None
        self._follows_definitions = definition is None
        self._definition = definition or UNDEFINED
        self.spec = self._definition.spec
        self._balancer: Balancer[ServerTicket, RemoteRuntime] = Balancer(self._definition.strategy)
        self._tasks = Tasks()
        self._members = Membership(self._balancer, self._tasks)
        self._driver = self._members.driver
        self._dispatcher = self._driver.dispatcher
        self._undefined_reason = "what it should be has not been read yet"
        self._defined = asyncio.Event()
        if definition is not None:
            self._defined.set()

    # The definition

    def use_definition(self, definition: Definition) -> None:
        """From now on the pool is what `definition` says; no eval and no connection is lost."""
        old, self._definition = self._definition, definition
        self.spec = definition.spec
        if definition.strategy is not old.strategy:
            self._balancer.use(definition.strategy)
            _close(old.strategy)
        if self._follows_definitions:
            self._members.set_queue_length(self.spec.queue.length)
        self._defined.set()
        self.changed()

    def definition_unavailable(self, reason: str) -> None:
        """No new definition can be had: the last one stays in use; before the first one, evals fail with `reason`."""
        self._undefined_reason = reason

    # The runtimes

    async def follow(self, discovery: Discovery) -> None:
        """Have the runtimes that `discovery` yields, until cancelled."""
        await self._defined.wait()
        async for endpoints in discovery.endpoints():
            self.set_endpoints(endpoints)

    def set_endpoints(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Have exactly these runtimes, in this order."""
        self._members.set_endpoints(endpoints, self.spec.concurrency)

    async def first_check(self) -> None:
        """Wait until every runtime of the pool was checked once."""
        await self._members.checked.wait()

    @property
    def runtimes(self) -> Mapping[str, RemoteRuntime]:
        """By name, in the pool's order."""
        return self._members.runtimes

    # What servers use

    @property
    def connections(self) -> int:
        """The number of open streams to runtimes."""
        return len(self._driver.upstreams)

    @property
    def retries(self) -> int:
        """The number of evals that were offered to a second runtime."""
        return self._driver.retries

    @property
    def ready(self) -> bool:
        if self._follows_definitions:
            return self._members.checked.is_set()
        return bool(self._balancer.ready) and not isinstance(self._definition.strategy, Unusable)

    @property
    def reason(self) -> str | None:
        """Why the pool is not ready, or no runtime is."""
        if not self._defined.is_set():
            return self._undefined_reason
        if not self.runtimes:
            return PARKED if self.spec.size == 0 else "it has no runtimes yet"
        if self._balancer.ready and isinstance(self._definition.strategy, Unusable):
            return self._definition.strategy.reason
        return next((runtime.reason for runtime in self.runtimes.values() if runtime.reason), "no runtime answers yet")

    def describe(self) -> PoolView:
        """The answer of `GET /v1/pool`. A pool of a fixed list is ready as in `ready`; one of a cluster when it is
        what its TyrexPool says."""
        runtimes, strategy = self.runtimes.values(), self._definition.strategy
        errors = [runtime.last_error for runtime in runtimes if runtime.last_error is not None]
        last_error = max(errors, key=lambda error: error.at, default=None)
        view = describe(self.name, self.spec, strategy, runtimes, last_error, self._definition.generation)
        ready = view.ready and self._defined.is_set() if self._follows_definitions else self.ready
        return msgspec.structs.replace(view, ready=ready)

    def explain(self, key: str | None) -> ExplainView:
        """The answer of `GET /v1/explain`."""
        return explain(self._balancer.explain(key), key)

    def submit(self, ticket: ServerTicket) -> None:
        """Raises NoRuntime, StrategyError."""
        if not self._balancer.ready:
            reason = self.reason
            raise NoRuntime(PARKED if reason is PARKED else f"no runtime is ready: {reason}")
        ticket.deadline += GRACE
        ticket.sent_on = None
        self._dispatcher.submit(ticket)

    def cancel(self, ticket: ServerTicket) -> None:
        """The caller of `ticket` has left: notify the server that has the eval; it drops one that has not started."""
        self._dispatcher.cancel(ticket)
        self._driver.withdraw(ticket)

    async def close(self) -> None:
        """Close every connection; evals that are not answered yet get an error."""
        self._members.close()
        self._driver.close()
        await self._tasks.cancel()
        self._dispatcher.close()
        _close(self._definition.strategy)


def _close(strategy: DispatchStrategy) -> None:
    problem = strategy.close()
    if problem is not None:
        log.warning("%s", problem)
