"""The built-in strategies by name. Each returns one of the runtimes whenever there is one, and never raises."""

import random
from collections.abc import Callable, Sequence
from typing import Final

from tyrex_pool.dispatch.hash import Hash
from tyrex_pool.dispatch.loads import Free, InOrder, Least, Loaded, Watched, watch
from tyrex_pool.dispatch.strategy import NONE_READY, DispatchStrategy, Explanation, Runtime
from tyrex_pool.dispatch.uniform import Random
from tyrex_pool.model.errors import InvalidStrategy


class InTurn(DispatchStrategy):
    """The next suitable runtime, as `index` finds it, after the one chosen last, also while runtimes join and leave.

    The very first turn is at `start_at`'s share of the way around.
    """

    def __init__(self, index: Callable[[Sequence[Loaded]], InOrder]) -> None:
        self._make = index
        self._index = index(())
        self._seen: tuple[Runtime, ...] = ()
        self._last = -1
        self._start = 0.0

    def start_at(self, share: float) -> None:
        self._start = share

    def follow(self, runtimes: Sequence[Watched]) -> None:
        self._index = self._make(runtimes)
        watch(self._index, runtimes)

    def may_overflow(self, key: str | None) -> bool:
        return True

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if not runtimes:
            return None
        if runtimes is self._seen:
            turn = self._last + 1
        else:
            turn = self._turn(runtimes)
            self._seen = tuple(runtimes)  # the same object if it is a tuple already
        index = self._index if runtimes is self._index.runtimes else self._make(runtimes)
        self._last = index.next(turn)
        return runtimes[self._last]

    def _next(self, runtimes: Sequence[Runtime]) -> Runtime:
        """Which of `runtimes` (not empty) `select` would choose."""
        index = self._index if runtimes is self._index.runtimes else self._make(runtimes)
        return runtimes[index.next(self._turn(runtimes))]

    def _turn(self, runtimes: Sequence[Runtime]) -> int:
        """The position in `runtimes` (not empty) whose turn it is."""
        if runtimes is self._seen:
            return (self._last + 1) % len(runtimes)
        positions = {runtime.name: position for position, runtime in enumerate(runtimes)}
        for back in range(len(self._seen)):
            survivor = positions.get(self._seen[self._last - back].name)
            if survivor is not None:
                return (survivor + 1) % len(runtimes)
        return int(self._start * len(runtimes))


class RoundRobin(InTurn):
    """In turn; a saturated runtime is passed over while another is free."""

    def __init__(self) -> None:
        super().__init__(Free)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        if not runtimes:
            return None, NONE_READY
        runtime, due = self._next(runtimes), runtimes[self._turn(runtimes)]
        if due is not runtime:
            return runtime, f"RoundRobin: it was {due.name}'s turn, which is saturated; {runtime.name} is free."
        return runtime, f"RoundRobin: it is {runtime.name}'s turn; keys make no difference."


class LeastLoaded(InTurn):
    """The fewest evals in flight and waiting; among equals the next in turn."""

    def __init__(self) -> None:
        super().__init__(Least)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        if not runtimes:
            return None, NONE_READY
        runtime = self._next(runtimes)
        load = runtime.in_flight + runtime.queued
        return runtime, f"LeastLoaded: {runtime.name} has {load} in flight and waiting; no other has fewer."


_BUILT_IN: tuple[type[DispatchStrategy], ...] = (RoundRobin, Random, Hash, LeastLoaded)
STRATEGIES: Final = {kind.__name__: kind for kind in _BUILT_IN}
"""By `spec.strategy.type`; Custom is `custom_source.load`."""


def make(type_name: str, chance: random.Random) -> DispatchStrategy:
    """The built-in strategy of that type; raises InvalidStrategy for another name."""
    kind = STRATEGIES.get(type_name)
    if kind is None:
        raise InvalidStrategy(f"write one of {', '.join(STRATEGIES)}, or pass an object; got {type_name!r}")
    return kind.make(chance)


def built_in(strategy: object) -> DispatchStrategy | None:
    """`strategy` itself if it is a built-in one; None for any other, also of a class that derives from a built-in."""
    return strategy if isinstance(strategy, DispatchStrategy) and type(strategy) in _BUILT_IN else None
