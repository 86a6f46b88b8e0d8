"""A pool as callers may see it: the states of its runtimes, and the answers of `GET /v1/pool` and `GET /v1/explain`."""

from collections.abc import Iterable
from enum import Enum
from typing import Final, Protocol

import msgspec

from tyrex_pool.dispatch.custom import CustomStrategy
from tyrex_pool.dispatch.strategy import DispatchStrategy, Explanation, Runtime, Unusable
from tyrex_pool.model.pool_view import (
    LastErrorView,
    PermissionsView,
    PoolView,
    QueueView,
    RuntimeView,
    StrategyView,
)
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


SERVING: Final = (SlotState.READY, SlotState.REPLACING)
"""The states in which a runtime takes evals: a replacement takes milliseconds, so its queue stays open."""


PARKED: Final = "the pool is parked: its size is 0"


class PoolRuntime(Protocol):
    """A runtime of a pool with its state. `reason` says why it does not serve, where that is known."""

    @property
    def slot(self) -> Runtime: ...
    @property
    def state(self) -> SlotState: ...
    @property
    def reason(self) -> str | None: ...


class ExplainView(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/explain`: the name of the runtime that would serve `key` now, None if it is not known."""

    key: str | None
    runtime: str | None
    reason: str


def describe(
    name: str,
    spec: PoolSpec,
    strategy: DispatchStrategy,
    runtimes: Iterable[PoolRuntime],
    last_error: LastErrorView | None,
    generation: int | None = None,
) -> PoolView:
    """The answer of `GET /v1/pool`. `generation` is that of the TyrexPool in a cluster that `spec` is from."""
    listed = list(runtimes)
    serving = sum(runtime.state in SERVING for runtime in listed)
    return PoolView(
        name=name,
        generation=generation,
        ready=serving == len(listed) == spec.size and not isinstance(strategy, Unusable),
        size=spec.size,
        ready_runtimes=serving,
        strategy=_strategy(spec, strategy),
        permissions=PermissionsView.of(spec.permissions),
        concurrency=spec.concurrency,
        queue=QueueView(length=spec.queue.length),
        in_flight=sum(runtime.slot.in_flight for runtime in listed),
        queued=sum(runtime.slot.queued for runtime in listed),
        last_error=last_error,
        runtimes=tuple(_runtime(runtime) for runtime in listed),
    )


def explain(explanation: Explanation, key: str | None) -> ExplainView:
    """The answer of `GET /v1/explain` for a strategy's explanation of its choice for `key`."""
    runtime, reason = explanation
    return ExplainView(key, runtime.name if runtime else None, reason)


def _strategy(spec: PoolSpec, strategy: DispatchStrategy) -> StrategyView:
    """The strategy in use, which need not be the manifest's; `error`: why the manifest's did not load."""
    custom = msgspec.to_builtins(spec.strategy.custom)
    match strategy:
        case Unusable():
            return StrategyView(type=spec.strategy.type, custom=custom, error=strategy.reason)
        case CustomStrategy():
            return StrategyView(type="Custom", custom=custom, class_=strategy.name)
    return StrategyView(type=strategy.name, custom=custom)


def _runtime(runtime: PoolRuntime) -> RuntimeView:
    slot = runtime.slot
    return RuntimeView(
        name=slot.name,
        index=slot.index,
        state=runtime.state.value,
        reason=runtime.reason,
        in_flight=slot.in_flight,
        queued=slot.queued,
        capacity=slot.capacity,
        epoch=slot.epoch,
    )
