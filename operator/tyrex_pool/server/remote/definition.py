"""What a proxy's pool should be: fixed by a manifest, or by a TyrexPool that may change."""

from dataclasses import dataclass
from typing import Final, Protocol

from tyrex_pool.dispatch.strategies import RoundRobin
from tyrex_pool.dispatch.strategy import DispatchStrategy
from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.spec import Limits, PoolSpec, Timeouts


@dataclass(frozen=True, slots=True)
class Definition:
    """`generation` is that of the TyrexPool in a cluster that `spec` is from, if any. `strategy` may be Unusable."""

    spec: PoolSpec
    strategy: DispatchStrategy
    generation: int | None = None


UNDEFINED: Final = Definition(
    PoolSpec(size=0, timeouts=Timeouts(max_eval=LONGEST), limits=Limits(request=Bytes(64 << 20))), RoundRobin()
)
"""Before the first definition: refuses no request that the pool might accept."""


class DefinedPool(Protocol):
    """A pool that gets definitions while it serves."""

    def use_definition(self, definition: Definition) -> None:
        """From now on the pool is what `definition` says."""
        ...

    def definition_unavailable(self, reason: str) -> None:
        """No new definition can be had: the last one stays in use; before the first one, evals fail with `reason`."""
        ...
