"""Which operator a pool belongs to: one writes to it, any other keeps off.

The claim is an annotation of the pool, written together with the finalizer, and only over the version that was read. It
names the Lease that the operator leads with, so others see whether that operator still lives; nothing has to be renewed
in the pool. A claim ends when its Lease is gone or is not renewed, and when its operator does not follow the pool (it
watches other namespaces now, or the pool was copied with its annotations).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tyrex_pool.cluster.errors import Forbidden
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.store import key_of
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import LEASE

PATIENCE = 60.0
"""Seconds in which another operator must renew its Lease, and follow a change of the pool."""
RECHECK = 15.0
"""Seconds between checks of another operator's claim."""
_FRESH = 5.0
"""Seconds for which the answer about a Lease is used for other pools."""


_UNREADABLE: Final = "unreadable"


@dataclass(slots=True)
class _Lease:
    """`version`: what was seen of it, None: it is gone. `since`, `asked`: when that was seen first, and last."""

    version: str | None
    since: float
    asked: float


def is_free(pool: Object, own: str) -> bool:
    """Whether no operator but the one with the claim `own` may hold the pool."""
    claim = pool["metadata"].get("annotations", {}).get(names.ANNOTATION_OPERATOR)
    return claim in (None, own) or "/" not in claim


class Claims:
    """`own`: the claim of this operator. `now`: monotonic seconds."""

    def __init__(self, cluster: ClusterApi, own: str, now: Callable[[], float]) -> None:
        self.own = own
        self._cluster = cluster
        self._now = now
        self._leases: dict[str, _Lease] = {}
        self._behind: dict[Key, tuple[int, float]] = {}
        """Of pools of others: the generation that is not followed yet, and since when."""

    async def rival(self, pool: Object) -> str | None:
        """The claim of the operator that the pool belongs to; None: it is this one's, or may be. Raises ClusterError.

        An operator without a Lease promises that it is alone: its claim holds nobody off.
        """
        if is_free(pool, self.own):
            return None
        claim = str(pool["metadata"]["annotations"][names.ANNOTATION_OPERATOR])
        return claim if self._follows(pool) and await self._lives(claim) else None

    def forget(self, key: Key) -> None:
        """The pool does not exist any more."""
        self._behind.pop(key, None)

    def _follows(self, pool: Object) -> bool:
        """Whether the newest generation, of a deletion too, has been observed or is still to be waited for."""
        key, generation = key_of(pool), pool["metadata"]["generation"]
        if pool.get("status", {}).get("observedGeneration") == generation:
            self._behind.pop(key, None)
            return True
        known, since = self._behind.get(key, (None, 0.0))
        if known != generation:
            since = self._now()
            self._behind[key] = (generation, since)
        return self._now() < since + PATIENCE

    async def _lives(self, claim: str) -> bool:
        """Whether the Lease exists and is renewed. Measured from when this operator saw it: clocks differ."""
        known, now = self._leases.get(claim), self._now()
        if known is None or now >= known.asked + _FRESH:
            version = await self._version(claim, known)
            since = known.since if known is not None and known.version == version else now
            known = self._leases[claim] = _Lease(version, since, now)
        return known.version is not None and now < known.since + PATIENCE

    async def _version(self, claim: str, known: _Lease | None) -> str | None:
        """Changes with every renewal; None: there is no Lease.

        The right to read it is part of the same release: who had it and has lost it takes the Lease for gone. Who never
        had it gets another answer each time: the Lease counts as renewed, and only deeds tell.
        """
        namespace, _, name = claim.partition("/")
        try:
            lease = await self._cluster.get(LEASE, namespace, name)
        except Forbidden:
            was_readable = known is not None and not (known.version or "").startswith(_UNREADABLE)
            return None if was_readable else f"{_UNREADABLE} at {self._now()}"
        return None if lease is None else str(lease["metadata"]["resourceVersion"])
