"""The built-in strategies: each picks one of the ready runtimes for an eval.

A runtime is free while `in_flight + queued < capacity`. Strategies may use the identity of the sequence to
skip work (the balancer passes the same tuple while the set of ready runtimes is unchanged), never to decide.
"""

import random
from collections.abc import Callable, Sequence
from typing import Protocol, cast, runtime_checkable

from tyrex_pool.dispatch.loads import Free, InOrder, Least, Loaded, Lot, Telling, watch
from tyrex_pool.dispatch.ring import Ring
from tyrex_pool.model.errors import InvalidStrategy, StrategyError


class Runtime(Loaded, Protocol):
    """A ready runtime, as a strategy sees it.

    `name` is unique in the pool, `index` its place in the pool's order. `in_flight` evals run and `queued`
    ones wait for it; it runs `capacity` at a time. `epoch` changes whenever its isolate was replaced.
    """

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def epoch(self) -> int: ...


class Strategy(Protocol):
    """Picks the runtime of each eval; a custom one may also have `close()`."""

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        """One of `runtimes` (ready, in a stable order), or None to refuse the eval with `no_runtime`."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A strategy that can tell what it would do."""

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        """Which runtime would serve `key` now (None: not known beforehand), and why; changes nothing."""
        ...


class BuiltIn(Strategy, Explains, Protocol):
    """Returns one of the runtimes whenever there is one, and never raises."""

    def follow(self, runtimes: Sequence[Telling]) -> None:
        """Hear of the loads of `runtimes` through their `watch`: `select` will get this very sequence for a while."""
        ...


class InTurn:
    """The next one that suits, as `index` finds it, after the one chosen last, also while runtimes join and leave.

    The very first turn is at `begin` of the way around, 0 to 1.
    """

    def __init__(self, index: Callable[[Sequence[Loaded]], InOrder]) -> None:
        self._make = index
        self._index = index(())
        self._seen: tuple[Runtime, ...] = ()
        self._last = -1
        self.begin = 0.0

    def follow(self, runtimes: Sequence[Telling]) -> None:
        self._index = self._make(runtimes)
        watch(self._index, runtimes)

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
        """Where in `runtimes` (not empty) the turn is."""
        if runtimes is self._seen:
            return (self._last + 1) % len(runtimes)
        where = {runtime.name: position for position, runtime in enumerate(runtimes)}
        for back in range(len(self._seen)):
            survivor = where.get(self._seen[self._last - back].name)
            if survivor is not None:
                return (survivor + 1) % len(runtimes)
        return int(self.begin * len(runtimes))


class RoundRobin(InTurn):
    """In turn; a saturated runtime is passed over while another is free."""

    def __init__(self) -> None:
        super().__init__(Free)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        if not runtimes:
            return None, NONE_READY
        runtime, due = self._next(runtimes), runtimes[self._turn(runtimes)]
        if due is not runtime:
            return (
                runtime,
                f"RoundRobin: it was {due.name}'s turn, which is saturated; {runtime.name} is free.",
            )
        return runtime, f"RoundRobin: it is {runtime.name}'s turn; keys make no difference."


class Random:
    """Uniform over the free runtimes, or over all when none is free. Draws from `chance` only."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance.random
        self._lot = Lot(())

    def follow(self, runtimes: Sequence[Telling]) -> None:
        self._lot = Lot(runtimes)
        watch(self._lot, runtimes)

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if not runtimes:
            return None
        lot = self._lot if runtimes is self._lot.runtimes else Lot(runtimes)
        return runtimes[lot.draw(self._chance)]

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        if not runtimes:
            return None, NONE_READY
        count = len(free(runtimes))
        among = f"the {count} free of {len(runtimes)}" if count else f"all {len(runtimes)}, as none is free"
        return None, f"Random: it cannot be told beforehand; each eval draws from {among}."


class Hash:
    """The same key to the same runtime while it is ready, busy or not, from every process; no key: Random."""

    def __init__(self, chance: random.Random) -> None:
        self._without_key = Random(chance)
        self._ring = Ring()
        self._ready: dict[str, Runtime] = {}
        self._seen: Sequence[Runtime] | None = None
        self._untold: Sequence[Telling] | None = None

    def follow(self, runtimes: Sequence[Telling]) -> None:
        self._untold = runtimes

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if key is None:
            if self._untold is not None:  # loads make no difference, and cost, before the first eval without a key
                self._without_key.follow(self._untold)
                self._untold = None
            return self._without_key.select(runtimes, None)
        if runtimes is not self._seen:
            self._learn(runtimes)
        return self._ring.find(key, self._ready)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        if key is None:
            return None, f"Hash without a key. {self._without_key.explain(runtimes, None)[1]}"
        runtime = self.select(runtimes, key)
        if runtime is None:
            return None, NONE_READY
        return runtime, f"Hash: this key belongs to {runtime.name} while it is ready, busy or not."

    def _learn(self, runtimes: Sequence[Runtime]) -> None:
        self._ready = {runtime.name: runtime for runtime in runtimes}
        self._ring.update(self._ready)
        self._seen = runtimes if isinstance(runtimes, tuple) else None  # a list may change and stay itself


class LeastLoaded(InTurn):
    """The fewest evals in flight and waiting; among equals the next in turn."""

    def __init__(self) -> None:
        super().__init__(Least)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        if not runtimes:
            return None, NONE_READY
        runtime = self._next(runtimes)
        load = runtime.in_flight + runtime.queued
        return runtime, f"LeastLoaded: {runtime.name} has {load} in flight and waiting; no other has fewer."


class Unusable:
    """In the place of a custom strategy that did not load: every eval fails with StrategyError and the `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        raise StrategyError(self.reason)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        return None, self.reason


NONE_READY = "No runtime is ready."


def free(runtimes: Sequence[Runtime]) -> list[Runtime]:
    """The runtimes that would start an eval at once."""
    return [runtime for runtime in runtimes if runtime.in_flight + runtime.queued < runtime.capacity]


OURS = (RoundRobin, Random, Hash, LeastLoaded)
"""Not what derives from them, which may do anything."""

STRATEGIES: dict[str, Callable[[random.Random], BuiltIn]] = {
    "RoundRobin": lambda _: RoundRobin(),
    "Random": Random,
    "Hash": Hash,
    "LeastLoaded": lambda _: LeastLoaded(),
}
"""By `spec.strategy.type`; Custom is `custom.load`."""


def make(type_name: str, chance: random.Random) -> BuiltIn:
    """The built-in strategy of that type; raises InvalidStrategy for a name that is none."""
    build = STRATEGIES.get(type_name)
    if build is None:
        raise InvalidStrategy(f"write one of {', '.join(STRATEGIES)}, or pass an object; got {type_name!r}")
    return build(chance)


def may_overflow(strategy: Strategy, key: str | None) -> bool:
    """Whether an eval may go to another runtime when the chosen one is full: not where the choice itself matters."""
    return isinstance(strategy, RoundRobin | Random | LeastLoaded) or (isinstance(strategy, Hash) and key is None)


def begin(strategy: Strategy, share: float) -> None:
    """Let `strategy`, if it goes around, begin at this share (0 to 1, less than 1) of the way."""
    if isinstance(strategy, InTurn):
        strategy.begin = share


def follow(strategy: Strategy, runtimes: Sequence[Telling]) -> None:
    """Let a built-in `strategy` follow `runtimes`; any other looks at their loads itself."""
    if type(strategy) in OURS:
        cast("BuiltIn", strategy).follow(runtimes)
