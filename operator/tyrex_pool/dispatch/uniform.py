"""The strategy Random."""

import random
from collections.abc import Sequence
from typing import Self

from tyrex_pool.dispatch.loads import Lot, Watched, watch
from tyrex_pool.dispatch.strategy import NONE_READY, DispatchStrategy, Explanation, Runtime, free


class Random(DispatchStrategy):
    """Uniform over the free runtimes, or over all when none is free. Draws from `chance` only."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance.random
        self._lot = Lot(())

    @classmethod
    def make(cls, chance: random.Random) -> Self:
        return cls(chance)

    def follow(self, runtimes: Sequence[Watched]) -> None:
        self._lot = Lot(runtimes)
        watch(self._lot, runtimes)

    def may_overflow(self, key: str | None) -> bool:
        return True

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if not runtimes:
            return None
        lot = self._lot if runtimes is self._lot.runtimes else Lot(runtimes)
        return runtimes[lot.draw(self._chance)]

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        if not runtimes:
            return None, NONE_READY
        count = len(free(runtimes))
        among = f"the {count} free of {len(runtimes)}" if count else f"all {len(runtimes)}, as none is free"
        return None, f"Random: it cannot be told beforehand; each eval draws from {among}."
