"""A pool on this machine: the balancer, its supervisor and what callers may know of them."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any

from tyrex_pool.dispatch import custom
from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import Strategy
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec, NoRuntime
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.pool.view import PARKED, SERVING, describe, explain
from tyrex_pool.runtime.launch import Workspace
from tyrex_pool.runtime.sources import Sources, strategy_of
from tyrex_pool.runtime.supervisor import STAGE_LIMIT, LocalRuntime, Supervisor

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
logger = logging.getLogger("tyrex_pool")


class IsolatePool:
    """Isolates behind slots, ready to take tickets. Make it in a running loop; end it with `close`."""

    def __init__(
        self,
        name: str,
        spec: PoolSpec,
        sources: Sources,
        strategy: Strategy | None = None,
        runtime_names: Sequence[str] = (),
    ) -> None:
        """`runtime_names` are the pool's name and a number unless given. Raises InvalidSpec and InvalidStrategy."""
        _warn_of_less(spec)
        runtimes = [_checked(runtime) for runtime in runtime_names or _runtime_names(name, spec.size)]
        self.name = name
        self.spec = spec
        self._strategy = strategy or strategy_of(spec.strategy, sources)
        self._workspace = Workspace(spec, sources)
        slots = [
            Slot(runtime, index, spec.concurrency, spec.queue.length, STAGE_LIMIT)
            for index, runtime in enumerate(runtimes)
        ]
        self._balancer = Balancer(self._strategy)
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.supervisor = Supervisor(self._workspace.launch, self._balancer, slots, loop)
        self.supervisor.changed = self._changed.set

    def start(self) -> None:
        self.supervisor.start()

    @property
    def runtimes(self) -> list[LocalRuntime]:
        return self.supervisor.runtimes

    @property
    def ready(self) -> bool:
        """Every runtime that should be there is; a parked pool is ready too."""
        return all(runtime.state in SERVING for runtime in self.runtimes)

    @property
    def reason(self) -> str | None:
        """Why the pool is not ready, if that is known."""
        return next((runtime.reason for runtime in self.runtimes if runtime.reason), None)

    async def wait_ready(self) -> None:
        """Until every runtime is ready. Raises NoRuntime with the reason when one does not start."""
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
        self.supervisor.dispatcher.cancel(ticket)

    def explain(self, key: str | None) -> dict[str, Any]:
        """The answer of `GET /v1/explain`."""
        return explain(self._balancer, key)

    def describe(self) -> dict[str, Any]:
        """The answer of `GET /v1/pool`."""
        return describe(self.name, self.spec, self._strategy, self.runtimes, self.supervisor.last_error)

    async def close(self, drain: float = 0.0) -> None:
        """Let evals end for `drain` seconds, then end every isolate and remove every file."""
        try:
            await self.supervisor.stop(drain)
        finally:
            self._workspace.close()
            custom.close(self._strategy)


def _warn_of_less(spec: PoolSpec) -> None:
    """What is missing here changes no answer, so that the pool may run without it."""
    if spec.recycle.max_evals or spec.recycle.max_age:
        logger.warning("spec.recycle is not available yet: runtimes are not recycled")


def _checked(name: str) -> str:
    """A runtime's name travels in headers and logs as it is. Raises InvalidSpec."""
    if not _NAME.fullmatch(name):
        raise InvalidSpec("name", f"write letters, digits, '.', '_' and '-' (at most 253), not {name!r}")
    return name


def _runtime_names(pool: str, size: int) -> list[str]:
    return [names.runtime_name(pool, index) for index in range(size)]
