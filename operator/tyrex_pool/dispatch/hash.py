"""The strategy Hash."""

import random
from collections.abc import Sequence
from typing import Self

from tyrex_pool.dispatch.loads import Watched
from tyrex_pool.dispatch.ring import Ring
from tyrex_pool.dispatch.strategy import NONE_READY, DispatchStrategy, Explanation, Runtime
from tyrex_pool.dispatch.uniform import Random


class Hash(DispatchStrategy):
    """The same key to the same runtime while it is ready, busy or not, from every process; no key: Random."""

    def __init__(self, chance: random.Random) -> None:
        self._without_key = Random(chance)
        self._ring = Ring()
        self._ready: dict[str, Runtime] = {}
        self._on_ring: Sequence[Runtime] | None = None
        self._unfollowed: Sequence[Watched] | None = None

    @classmethod
    def make(cls, chance: random.Random) -> Self:
        return cls(chance)

    def follow(self, runtimes: Sequence[Watched]) -> None:
        self._unfollowed = runtimes

    def may_overflow(self, key: str | None) -> bool:
        return key is None

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if key is None:
            if self._unfollowed is not None:  # evals with a key need no loads, and following them costs
                self._without_key.follow(self._unfollowed)
                self._unfollowed = None
            return self._without_key.select(runtimes, None)
        if runtimes is not self._on_ring:
            self._update_ring(runtimes)
        return self._ring.find(key, self._ready)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        if key is None:
            return None, f"Hash without a key. {self._without_key.explain(runtimes, None)[1]}"
        runtime = self.select(runtimes, key)
        if runtime is None:
            return None, NONE_READY
        return runtime, f"Hash: this key belongs to {runtime.name} while it is ready, busy or not."

    def _update_ring(self, runtimes: Sequence[Runtime]) -> None:
        self._ready = {runtime.name: runtime for runtime in runtimes}
        self._ring.update(self._ready)
        self._on_ring = runtimes if isinstance(runtimes, tuple) else None  # a list may change and stay the same object
