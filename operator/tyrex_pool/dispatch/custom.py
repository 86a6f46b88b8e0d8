"""Custom strategies: check a user's object, and confine its failures to the eval they affect.

A strategy runs in the server's process and thread: it is trusted like the server, but a mistake in it must
end as an error that names the line, never as a dead server.
"""

import inspect
from collections.abc import Sequence
from typing import cast

from tyrex_pool.dispatch.strategies import built_in
from tyrex_pool.dispatch.strategy import DispatchStrategy, Explains, Explanation, Runtime, Strategy
from tyrex_pool.dispatch.user_errors import described, shown
from tyrex_pool.model.errors import InvalidStrategy, StrategyError


class CustomStrategy(DispatchStrategy):
    """Calls a user's `strategy`, and turns whatever it raises or returns by mistake into a StrategyError."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._seen: Sequence[Runtime] | None = None
        self._ids: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        return type(self.strategy).__name__

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        try:
            chosen = self.strategy.select(runtimes, key)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise StrategyError(f"fix {self.name}.select: it raised {described(exc)}") from exc
        if runtimes is not self._seen:
            self._ids = frozenset(map(id, runtimes))
            self._seen = runtimes if isinstance(runtimes, tuple) else None
        if chosen is None or id(chosen) in self._ids:
            return chosen
        raise StrategyError(f"fix {self.name}.select: it must return one of the runtimes, and returned {shown(chosen)}")

    def explain(self, runtimes: Sequence[Runtime], key: str | None) -> Explanation:
        strategy = self.strategy
        if not isinstance(strategy, Explains):
            wanted = "give it `explain(runtimes, key)`"
            return None, f"{self.name}: a custom strategy cannot be told beforehand; {wanted}."
        try:
            runtime, why = strategy.explain(runtimes, key)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            return None, f"{self.name}: explain failed: {described(exc)}"
        return (runtime if any(runtime is known for known in runtimes) else None), str(why)

    def start_at(self, share: float) -> None:
        if isinstance(self.strategy, DispatchStrategy):  # a user's class that derives from a built-in one
            self.strategy.start_at(share)

    def may_overflow(self, key: str | None) -> bool:
        return isinstance(self.strategy, DispatchStrategy) and self.strategy.may_overflow(key)

    def close(self) -> str | None:
        end = getattr(self.strategy, "close", None)
        if not callable(end):
            return None
        try:
            end()
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            return f"{self.name}.close() failed: {described(exc)}"
        return None


def adapt(strategy: object, where: str = "") -> DispatchStrategy:
    """A built-in strategy as it is, any other in a CustomStrategy.

    Raises InvalidStrategy, begun with `where`, if it has no method `select(runtimes, key)`.
    """
    return built_in(strategy) or CustomStrategy(_checked(strategy, where or type(strategy).__name__))


def _checked(strategy: object, where: str) -> Strategy:
    if isinstance(strategy, type):
        raise InvalidStrategy(f"{where}: pass an object, not the class: {strategy.__name__}(...)")
    select = getattr(strategy, "select", None)
    if not callable(select):
        raise InvalidStrategy(f"{where}: has no method `select`; write `def select(self, runtimes, key)`")
    if inspect.iscoroutinefunction(select):
        raise InvalidStrategy(f"{where}: `select` must not be async; write `def select(self, runtimes, key)`")
    try:
        inspect.signature(select).bind((), None)
    except TypeError as exc:
        raise InvalidStrategy(f"{where}: write `def select(self, runtimes, key)`: {exc}") from exc
    except ValueError:
        pass  # a callable without a signature: the first eval shows whether it fits
    return cast("Strategy", strategy)
