"""A pool as callers may see it: the states of its runtimes and the answer of `GET /v1/pool`."""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Protocol

import msgspec

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import STRATEGIES, Strategy, Unusable
from tyrex_pool.dispatch.ticket import Slot
from tyrex_pool.model.spec import PoolSpec


class SlotState(Enum):
    STARTING = "Starting"
    READY = "Ready"
    REPLACING = "Replacing"
    FAILED = "Failed"
    """Its isolate does not start; `reason` says why."""
    UNREACHABLE = "Unreachable"
    """The server of this runtime does not answer."""
    STOPPED = "Stopped"


SERVING = (SlotState.READY, SlotState.REPLACING)
"""The states in which a runtime takes evals: a replacement takes milliseconds, so its queue stays open."""


PARKED = "the pool is parked: its size is 0"


class Shown(Protocol):
    """A runtime and how it is. `reason` says why it does not serve, where that is known."""

    @property
    def slot(self) -> Slot: ...
    @property
    def state(self) -> SlotState: ...
    @property
    def reason(self) -> str | None: ...


def describe(
    name: str,
    spec: PoolSpec,
    strategy: Strategy,
    runtimes: Iterable[Shown],
    last_error: dict[str, Any] | None,
    generation: int | None = None,
) -> dict[str, Any]:
    """The answer of `GET /v1/pool`. `generation` is that of the TyrexPool in a cluster that `spec` is from."""
    shown = list(runtimes)
    serving = sum(one.state in SERVING for one in shown)
    return {
        "name": name,
        "generation": generation,
        "ready": serving == len(shown) == spec.size and not isinstance(strategy, Unusable),
        "size": spec.size,
        "readyRuntimes": serving,
        "strategy": _strategy(spec, strategy),
        "permissions": msgspec.to_builtins(spec.permissions),
        "concurrency": spec.concurrency,
        "queue": {"length": spec.queue.length},
        "inFlight": sum(one.slot.in_flight for one in shown),
        "queued": sum(one.slot.queued for one in shown),
        "lastError": last_error,
        "runtimes": [_runtime(one) for one in shown],
    }


def explain(balancer: Balancer, key: str | None) -> dict[str, Any]:
    """The answer of `GET /v1/explain`."""
    runtime, why = balancer.explain(key)
    return {"key": key, "runtime": runtime.name if runtime else None, "reason": why}


def _strategy(spec: PoolSpec, strategy: Strategy) -> dict[str, Any]:
    """The one that is used, which need not be the manifest's; `error`: why the manifest's did not load."""
    shown: dict[str, Any] = msgspec.to_builtins(spec.strategy) | {"error": None}
    if isinstance(strategy, Unusable):
        return shown | {"error": strategy.reason}
    used = type(strategy).__name__
    if used in STRATEGIES:
        return shown | {"type": used}
    return shown | {"type": "Custom", "class": used}


def _runtime(one: Shown) -> dict[str, Any]:
    slot = one.slot
    return {
        "name": slot.name,
        "index": slot.index,
        "state": one.state.value,
        "reason": one.reason,
        "inFlight": slot.in_flight,
        "queued": slot.queued,
        "capacity": slot.capacity,
        "epoch": slot.epoch,
    }
