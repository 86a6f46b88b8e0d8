"""The built-in strategies: each picks one of the ready runtimes for an eval.

A runtime is free while `in_flight + queued < capacity`. Strategies may use the identity of the sequence to
skip work (the balancer passes the same tuple while the set of ready runtimes is unchanged), never to decide.
"""

import random
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from tyrex_pool.dispatch.ring import Ring
from tyrex_pool.model.errors import InvalidStrategy, StrategyError


class Runtime(Protocol):
    """A ready runtime, as a strategy sees it.

    `name` is unique in the pool, `index` its place in the pool's order. `in_flight` evals run and `queued`
    ones wait for it; it runs `capacity` at a time. `epoch` changes whenever its isolate was replaced.
    """

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def capacity(self) -> int: ...
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


class Turn:
    """Whose turn it is: the runtime after the one chosen last, also while runtimes join and leave."""

    def __init__(self) -> None:
        self._seen: tuple[Runtime, ...] = ()
        self._last = -1

    def position(self, runtimes: Sequence[Runtime]) -> int:
        """Where in `runtimes` (not empty) the turn is."""
        if runtimes is self._seen:
            return (self._last + 1) % len(runtimes)
        where = {runtime.name: position for position, runtime in enumerate(runtimes)}
        for back in range(len(self._seen)):
            survivor = where.get(self._seen[self._last - back].name)
            if survivor is not None:
                return (survivor + 1) % len(runtimes)
        return 0

    def took(self, runtimes: Sequence[Runtime], position: int) -> Runtime:
        """Note that the runtime at `position` was chosen, and return it."""
        self._seen = tuple(runtimes)  # the same object if it is a tuple already
        self._last = position
        return runtimes[position]


class RoundRobin:
    """In turn; a saturated runtime is passed over while another is free."""

    def __init__(self) -> None:
        self._turn = Turn()

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if not runtimes:
            return None
        return self._turn.took(runtimes, self._next(runtimes))

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        if not runtimes:
            return None, NONE_READY
        runtime = runtimes[self._next(runtimes)]
        due = runtimes[self._turn.position(runtimes)]
        if due is not runtime:
            return (
                runtime,
                f"RoundRobin: it was {due.name}'s turn, which is saturated; {runtime.name} is free.",
            )
        return runtime, f"RoundRobin: it is {runtime.name}'s turn; keys make no difference."

    def _next(self, runtimes: Sequence[Runtime]) -> int:
        turn = self._turn.position(runtimes)
        for position in range(turn, len(runtimes)):
            runtime = runtimes[position]
            if runtime.in_flight + runtime.queued < runtime.capacity:
                return position
        for position in range(turn):
            runtime = runtimes[position]
            if runtime.in_flight + runtime.queued < runtime.capacity:
                return position
        return turn


class Random:
    """Uniform over the free runtimes, or over all when none is free. Draws from `chance` only."""

    TRIES = 4
    """Draws before the free ones are listed; a draw that is refused leaves the rest uniform."""

    def __init__(self, chance: random.Random) -> None:
        self._choice = chance.choice

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if not runtimes:
            return None
        for _ in range(self.TRIES):
            runtime = self._choice(runtimes)
            if runtime.in_flight + runtime.queued < runtime.capacity:
                return runtime
        return self._choice(free(runtimes) or runtimes)

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

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if key is None:
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


class LeastLoaded:
    """The fewest evals in flight and waiting; among equals the next in turn."""

    def __init__(self) -> None:
        self._turn = Turn()

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if not runtimes:
            return None
        return self._turn.took(runtimes, self._least(runtimes))

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
        if not runtimes:
            return None, NONE_READY
        runtime = runtimes[self._least(runtimes)]
        load = runtime.in_flight + runtime.queued
        return runtime, f"LeastLoaded: {runtime.name} has {load} in flight and waiting; no other has fewer."

    def _least(self, runtimes: Sequence[Runtime]) -> int:
        turn = self._turn.position(runtimes)
        least, found = -1, turn
        for part in (range(turn, len(runtimes)), range(turn)):
            for position in part:
                runtime = runtimes[position]
                load = runtime.in_flight + runtime.queued
                if not load:
                    return position
                if load < least or least < 0:
                    least, found = load, position
        return found


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


def moves(strategy: Strategy, key: str | None) -> bool:
    """Whether an eval may go to another runtime when the chosen one is full: not where the choice itself matters."""
    return isinstance(strategy, RoundRobin | Random | LeastLoaded) or (isinstance(strategy, Hash) and key is None)
