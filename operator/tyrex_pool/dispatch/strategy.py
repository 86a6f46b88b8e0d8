"""What a strategy sees and what it must do: `Strategy` for users, `DispatchStrategy` for the balancer.

A runtime is free while `in_flight + queued < capacity`. Strategies may use the identity of the sequence to
skip work (the balancer passes the same tuple while the set of ready runtimes is unchanged), never to decide.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random as Chance
from typing import Final, Protocol, Self, runtime_checkable

from tyrex_pool.dispatch.loads import Loaded, Watched
from tyrex_pool.model.errors import StrategyError

NONE_READY: Final = "No runtime is ready."


class Runtime(Loaded, Protocol):
    """A ready runtime, as strategies see it.

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
    """Picks the runtime of each eval; a user implements this. It may also have `explain` and `close()`."""

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        """One of `runtimes` (ready, in a stable order), or None to refuse the eval with `no_runtime`."""
        ...


Explanation = tuple[Runtime | None, str]
"""The runtime that would serve a key now (None: not known beforehand), and the reason as a sentence."""


@runtime_checkable
class Explains(Protocol):
    """A strategy that can explain its choice."""

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        """The choice that `select` would make; changes nothing."""
        ...


class DispatchStrategy(ABC):
    """A strategy as balancers and pools use it: a built-in one, or a user's in a `CustomStrategy`."""

    @classmethod
    def make(cls, chance: Chance) -> Self:
        """A new strategy that draws its random numbers from `chance`, if it needs any."""
        return cls()

    @abstractmethod
    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        """One of `runtimes`, or None to refuse the eval. Raises nothing but StrategyError."""

    @abstractmethod
    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        """The choice that `select` would make; changes nothing and raises nothing."""

    @property
    def name(self) -> str:
        """The name of the class that chooses."""
        return type(self).__name__

    def start_at(self, share: float) -> None:  # noqa: B027 - most strategies do not go around
        """Begin at this share (0 to 1, less than 1) of the way around the runtimes, if the strategy goes around."""

    def follow(self, runtimes: Sequence[Watched]) -> None:  # noqa: B027 - not every strategy keeps an index
        """Follow the loads of `runtimes`, by their `watch`: `select` gets this very sequence until the next call."""

    def may_overflow(self, key: str | None) -> bool:
        """Whether an eval may go to another runtime when the chosen one is full."""
        return False

    def close(self) -> str | None:
        """Release what the strategy holds. Returns what went wrong instead of raising it."""
        return None


class Unusable(DispatchStrategy):
    """In the place of a custom strategy that did not load: every eval fails with StrategyError and the `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        raise StrategyError(self.reason)

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        return None, self.reason


def free(runtimes: Sequence[Runtime]) -> list[Runtime]:
    """The runtimes that would start an eval at once."""
    return [runtime for runtime in runtimes if runtime.in_flight + runtime.queued < runtime.capacity]
