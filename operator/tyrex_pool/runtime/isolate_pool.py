"""A pool of isolates of this machine: the balancer and the supervisor behind the interface that servers use."""

import asyncio
import logging
import re
from collections.abc import Sequence

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategy import DispatchStrategy
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec, NoRuntime
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.pool.view import PARKED, SERVING, ExplainView, describe, explain
from tyrex_pool.runtime.isolate import LocalRuntime, LocalSlot
from tyrex_pool.runtime.launch import Workspace
from tyrex_pool.runtime.sources import Sources, strategy_of
from tyrex_pool.runtime.supervisor import STAGE_LIMIT, Supervisor

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
logger = logging.getLogger("tyrex_pool")


class IsolatePool:
    """Runs evals in isolates. Create it in a running loop; end it with `close`."""

    def __init__(
        self,
        name: str,
        spec: PoolSpec,
        sources: Sources,
        strategy: DispatchStrategy | None = None,
        runtime_names: Sequence[str] = (),
    ) -> None:
        """`runtime_names` are the pool's name and a number unless given. Raises InvalidSpec and InvalidStrategy."""
        _warn_of_missing_features(spec)
        runtimes = [_checked(runtime) for runtime in runtime_names or _runtime_names(name, spec.size)]
        self.name = name
        self.spec = spec
        self._strategy = strategy or strategy_of(spec.strategy, sources)
        self._workspace = Workspace(spec, sources)
        slots: list[LocalSlot] = [
            Slot(runtime, index, spec.concurrency, spec.queue.length, STAGE_LIMIT)
            for index, runtime in enumerate(runtimes)
        ]
        self._balancer: Balancer[Ticket, LocalRuntime] = Balancer(self._strategy)
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.supervisor = Supervisor(self._workspace.launch, self._balancer, slots, loop, spec.timeouts.cpu)
        self.supervisor.changed = self._changed.set

    def start(self) -> None:
        self.supervisor.start()

    @property
    def runtimes(self) -> list[LocalRuntime]:
        return self.supervisor.runtimes

    @property
    def ready(self) -> bool:
        """Whether every runtime takes evals; a parked pool is ready too."""
        return all(runtime.state in SERVING for runtime in self.runtimes)

    @property
    def reason(self) -> str | None:
        """Why the pool is not ready, if that is known."""
        return next((runtime.reason for runtime in self.runtimes if runtime.reason), None)

    async def wait_ready(self) -> None:
        """Wait until every runtime is ready. Raises NoRuntime with the reason when one does not start."""
        while not self.ready:
            if (reason := self.reason) is not None:
                raise NoRuntime(reason)
            self._changed.clear()
            await self._changed.wait()

    def submit(self, ticket: Ticket) -> None:
        """Raises NoRuntime, Overloaded, StrategyError; otherwise `ticket.deliver` is called, once."""
        if not self._balancer.ready:
            raise NoRuntime(self._absence())
        self.supervisor.dispatcher.submit(ticket)

    def _absence(self) -> str:
        if not self.runtimes:
            return PARKED
        return f"no runtime is ready: {self.reason or 'they are starting'}"

    def cancel(self, ticket: Ticket) -> None:
        """Nobody waits for `ticket` any more: it does not start, or its isolate is replaced after a short grace."""
        self.supervisor.dispatcher.cancel(ticket)
        self.supervisor.cancelled(ticket)

    def explain(self, key: str | None) -> ExplainView:
        """The answer of `GET /v1/explain`."""
        return explain(self._balancer.explain(key), key)

    def describe(self) -> PoolView:
        """The answer of `GET /v1/pool`."""
        return describe(self.name, self.spec, self._strategy, self.runtimes, self.supervisor.last_error)

    async def close(self, drain: float = 0.0) -> None:
        """Let evals that are awaited end within `drain` seconds, then end every isolate and remove every file."""
        try:
            await self.supervisor.stop(drain)
        finally:
            self._remove()

    def abandon(self) -> None:
        """The same at once, where the event loop does not run, and may be closed; blocks for milliseconds."""
        try:
            self.supervisor.abandon()
        finally:
            self._remove()

    def _remove(self) -> None:
        self._workspace.close()
        self._strategy.close()


def _warn_of_missing_features(spec: PoolSpec) -> None:
    """Log the fields that this version ignores: they change no answer, so the pool may run without them."""
    if spec.recycle.max_evals or spec.recycle.max_age:
        logger.warning("spec.recycle is not available yet: runtimes are not recycled")


def _checked(name: str) -> str:
    """`name`, which headers and logs carry as it is. Raises InvalidSpec."""
    if not _NAME.fullmatch(name):
        raise InvalidSpec("name", f"write letters, digits, '.', '_' and '-' (at most 253), not {name!r}")
    return name


def _runtime_names(pool: str, size: int) -> list[str]:
    return [names.runtime_name(pool, index) for index in range(size)]
