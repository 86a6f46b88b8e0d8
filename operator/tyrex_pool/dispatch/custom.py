"""Custom strategies: load a user's class, check a user's object, keep its failures to the eval they meet.

A strategy runs in the server's process and thread: it is trusted like the server, but a mistake in it must
end as an error that names the line, never as a dead server.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, cast

from tyrex_pool.dispatch.strategies import OURS, Explains, Runtime, Strategy, Unusable
from tyrex_pool.model.errors import InvalidStrategy, StrategyError

MODULE = "tyrex_pool_custom_strategy"
"""The name that the user's module has in `sys.modules`; dataclasses look their module up there."""

Select = Callable[[Sequence[Runtime], str | None], Runtime | None]


def load(source: str, class_name: str, options: Mapping[str, Any], filename: str = "strategy.py") -> Strategy:
    """Run `source` as a module of its own and make its class once with `options`.

    Raises InvalidStrategy, with `filename` and the line, whatever goes wrong in it.
    """
    module = _run(source, filename)
    kind = vars(module).get(class_name)
    if not isinstance(kind, type):
        raise InvalidStrategy(f"{filename}: {_missing_class(module, class_name)}")
    try:
        strategy = kind(dict(options))
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # a user's sys.exit() must not end the server
        where = _where(exc, filename)
        problem = f"{class_name}(options) failed: {_said(exc)}"
        hint = "" if where else f"; write `def __init__(self, options)` in {class_name}"
        raise InvalidStrategy(f"{where or filename}: {problem}{hint}") from exc
    return check(strategy, f"{filename}: {class_name}")


def check(strategy: object, where: str = "") -> Strategy:
    """Return `strategy` if it has a `select(runtimes, key)`; raises InvalidStrategy, begun with `where`."""
    where = where or type(strategy).__name__
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
        pass  # a callable without a signature; the first eval will tell
    return cast("Strategy", strategy)


def guard(strategy: Strategy) -> Select:
    """The strategy's `select`, made safe: it returns one of the runtimes or None, or raises StrategyError.

    Ours come back as they are, at no cost.
    """
    if type(strategy) in (*OURS, Unusable):
        return strategy.select
    return _Guard(strategy).select


def explain(strategy: Strategy, runtimes: Sequence[Runtime], key: str | None) -> tuple[Runtime | None, str]:
    """Which runtime would serve `key` now (None: not known), and why in a sentence; changes nothing."""
    name = type(strategy).__name__
    if not isinstance(strategy, Explains):
        return None, f"{name}: a custom strategy cannot be told beforehand; give it `explain(runtimes, key)`."
    if type(strategy).__module__ == Strategy.__module__:
        return strategy.explain(runtimes, key)
    try:
        runtime, why = strategy.explain(runtimes, key)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return None, f"{name}: explain failed: {_at(exc)}{_said(exc)}"
    return (runtime if any(runtime is one for one in runtimes) else None), str(why)


def close(strategy: Strategy) -> str | None:
    """Call the strategy's `close()` if it has one; returns what went wrong instead of raising it."""
    end = getattr(strategy, "close", None)
    if not callable(end):
        return None
    try:
        end()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return f"{type(strategy).__name__}.close() failed: {_at(exc)}{_said(exc)}"
    return None


class _Guard:
    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._seen: Sequence[Runtime] | None = None
        self._ids: frozenset[int] = frozenset()

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        name = type(self._strategy).__name__
        try:
            chosen = self._strategy.select(runtimes, key)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise StrategyError(f"fix {name}.select: it raised {_at(exc)}{_said(exc)}") from exc
        if runtimes is not self._seen:
            self._ids = frozenset(map(id, runtimes))
            self._seen = runtimes if isinstance(runtimes, tuple) else None
        if chosen is None or id(chosen) in self._ids:
            return chosen
        raise StrategyError(f"fix {name}.select: it must return one of the runtimes, and returned {_show(chosen)}")


def _run(source: str, filename: str) -> ModuleType:
    module = ModuleType(MODULE)
    module.__file__ = filename
    sys.modules[MODULE] = module
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), vars(module))  # noqa: S102 - running it is the point
    except KeyboardInterrupt:
        raise
    except SyntaxError as exc:
        where = f"{exc.filename or filename}{'' if exc.lineno is None else f':{exc.lineno}'}"
        raise InvalidStrategy(f"{where}: {_said(exc)}") from exc
    except BaseException as exc:
        raise InvalidStrategy(f"{_where(exc, filename) or filename}: {_said(exc)}") from exc
    return module


def _missing_class(module: ModuleType, class_name: str) -> str:
    has = [name for name, value in vars(module).items() if isinstance(value, type) and value.__module__ == MODULE]
    found = f"it has {', '.join(has)}" if has else "it has no class"
    return f"define `class {class_name}`, or name another in `class`; {found}"


def _where(exc: BaseException, filename: str) -> str:
    """`file:line` of the innermost frame in the user's file, or an empty string."""
    trace = traceback.walk_tb(exc.__traceback__)
    lines = [line for frame, line in trace if frame.f_code.co_filename == filename]
    return f"{filename}:{lines[-1]}" if lines else ""


def _at(exc: BaseException) -> str:
    """`at file:line: ` of the innermost frame in the file of the method that we called, without folders."""
    frames = list(traceback.walk_tb(exc.__traceback__))[1:]  # the first is the caller's own
    if not frames:
        return ""
    where = _where(exc, frames[0][0].f_code.co_filename)
    return f"at {where.rsplit('/', 1)[-1]}: "


def _said(exc: BaseException) -> str:
    text = exc.msg if isinstance(exc, SyntaxError) else _show(exc, str)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _show(value: object, how: Callable[[object], str] = repr) -> str:
    """A short text for a user's object, whose own `__repr__` may fail."""
    try:
        text = how(value)
    except Exception:
        text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]}…"
