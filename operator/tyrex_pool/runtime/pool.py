"""A pool on this machine: the balancer, its supervisor and what callers may know of them."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from tyrex_pool.dispatch import custom
from tyrex_pool.dispatch.balancer import Balancer, Slot, Ticket
from tyrex_pool.dispatch.strategies import Strategy, make
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidStrategy, NoRuntime
from tyrex_pool.model.spec import PoolSpec, StrategySpec
from tyrex_pool.runtime.launch import Sources, Workspace
from tyrex_pool.runtime.supervisor import AHEAD, Seat, SlotState, Supervisor


def strategy_of(spec: StrategySpec, sources: Sources) -> Strategy:
    """The strategy that a manifest asks for. Raises InvalidStrategy."""
    if spec.custom is None:
        return make(spec.type, random.Random())
    reference = spec.custom.config_map
    try:
        source = sources.config_maps[reference.name][reference.key]
    except KeyError:
        raise InvalidStrategy(
            f"there is no key {reference.key!r} in a ConfigMap {reference.name!r}; put it into the same file"
        ) from None
    return custom.load(source, spec.custom.class_, spec.custom.options, reference.key)


class Pool:
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
        self.name = name
        self.spec = spec
        self._strategy = strategy or strategy_of(spec.strategy, sources)
        self._workspace = Workspace(spec, sources)
        slots = [
            Slot(runtime, index, spec.concurrency, spec.queue.length, AHEAD)
            for index, runtime in enumerate(runtime_names or _runtime_names(name, spec.size))
        ]
        self._balancer = Balancer(self._strategy)
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.supervisor = Supervisor(self._workspace.launch, self._balancer, slots, loop)
        self.supervisor.changed = self._changed.set

    def start(self) -> None:
        self.supervisor.start()

    @property
    def seats(self) -> list[Seat]:
        return self.supervisor.seats

    @property
    def ready(self) -> bool:
        """Every runtime that should be there is; a parked pool is ready too."""
        return all(seat.state in (SlotState.READY, SlotState.REPLACING) for seat in self.seats)

    @property
    def reason(self) -> str | None:
        """Why the pool is not ready, if that is known."""
        return next((seat.reason for seat in self.seats if seat.reason), None)

    async def wait_ready(self) -> None:
        """Until every runtime is ready. Raises NoRuntime with the reason when one does not start."""
        while not self.ready:
            if (reason := self.reason) is not None:
                raise NoRuntime(reason)
            self._changed.clear()
            await self._changed.wait()

    def submit(self, ticket: Ticket) -> None:
        """Raises NoRuntime, Overloaded, StrategyError; otherwise `ticket.deliver` is called, once."""
        self.supervisor.dispatcher.submit(ticket)

    def cancel(self, ticket: Ticket) -> None:
        self.supervisor.dispatcher.cancel(ticket)

    def explain(self, key: str | None) -> dict[str, Any]:
        """The answer of `GET /v1/explain`."""
        runtime, why = self._balancer.explain(key)
        return {"key": key, "runtime": runtime.name if runtime else None, "reason": why}

    def describe(self) -> dict[str, Any]:
        """The answer of `GET /v1/pool`."""
        return describe(self.name, self.spec, self.seats, self.ready, self.supervisor.last_error)

    async def close(self, drain: float = 0.0) -> None:
        """Let evals end for `drain` seconds, then end every isolate and remove every file."""
        try:
            await self.supervisor.stop(drain)
        finally:
            self._workspace.close()
            custom.close(self._strategy)


def _runtime_names(pool: str, size: int) -> list[str]:
    return [names.runtime_name(pool, index) for index in range(size)]


def describe(
    name: str, spec: PoolSpec, seats: list[Seat], ready: bool, last_error: dict[str, Any] | None
) -> dict[str, Any]:
    """A pool as a caller may see it."""
    rules = msgspec.to_builtins(spec.permissions)
    ready_states = (SlotState.READY, SlotState.REPLACING)
    return {
        "name": name,
        "ready": ready,
        "size": spec.size,
        "readyRuntimes": sum(seat.state in ready_states for seat in seats),
        "strategy": msgspec.to_builtins(spec.strategy),
        "permissions": rules,
        "concurrency": spec.concurrency,
        "queue": {"length": spec.queue.length},
        "inFlight": sum(seat.slot.in_flight for seat in seats),
        "queued": sum(seat.slot.queued for seat in seats),
        "lastError": last_error,
        "runtimes": [
            {
                "name": seat.slot.name,
                "index": seat.slot.index,
                "state": seat.state.value,
                "reason": seat.reason,
                "inFlight": seat.slot.in_flight,
                "queued": seat.slot.queued,
                "capacity": seat.slot.capacity,
                "epoch": seat.slot.epoch,
            }
            for seat in seats
        ],
    }
