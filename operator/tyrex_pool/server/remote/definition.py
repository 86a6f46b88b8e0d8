"""What a proxy's pool should be: from a manifest for good, or from a TyrexPool that somebody may change."""

from dataclasses import dataclass
from typing import Final, Protocol

from tyrex_pool.dispatch.strategies import RoundRobin, Strategy
from tyrex_pool.model.durations import LONGEST
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.spec import Limits, PoolSpec, Timeouts


@dataclass(frozen=True, slots=True)
class Definition:
    """`generation` is that of the TyrexPool in a cluster that says so. `strategy` may be Unusable."""

    spec: PoolSpec
    strategy: Strategy
    generation: int | None = None


UNDEFINED: Final = Definition(
    PoolSpec(size=0, timeouts=Timeouts(max_eval=LONGEST), limits=Limits(request=Bytes(64 << 20))), RoundRobin()
)
"""Before anything is known: refuses no request that the pool might take."""


class Defined(Protocol):
    """A pool that is told what it should be."""

    def use_definition(self, definition: Definition) -> None:
        """From now on it is this."""
        ...

    def definition_unavailable(self, reason: str) -> None:
        """What it should be cannot be told: it stays what it is; before it is anything, callers get `reason`."""
        ...
