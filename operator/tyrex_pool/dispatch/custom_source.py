"""Loads a custom strategy from the Python source that a ConfigMap holds."""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tyrex_pool.dispatch.custom import adapt
from tyrex_pool.dispatch.strategy import DispatchStrategy
from tyrex_pool.dispatch.user_errors import summary, where
from tyrex_pool.model.errors import InvalidStrategy

MODULE = "tyrex_pool_custom_strategy"
"""The name that the user's module has in `sys.modules`; dataclasses look their module up there."""


def load(source: str, class_name: str, options: Mapping[str, Any], filename: str = "strategy.py") -> DispatchStrategy:
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
        position = where(exc, filename)
        problem = f"{class_name}(options) failed: {summary(exc)}"
        hint = "" if position else f"; write `def __init__(self, options)` in {class_name}"
        raise InvalidStrategy(f"{position or filename}: {problem}{hint}") from exc
    return adapt(strategy, f"{filename}: {class_name}")


def _run(source: str, filename: str) -> ModuleType:
    module = ModuleType(MODULE)
    module.__file__ = filename
    sys.modules[MODULE] = module
    try:
        exec(compile(source, filename, "exec", dont_inherit=True), vars(module))  # noqa: S102 - running it is the point
    except KeyboardInterrupt:
        raise
    except SyntaxError as exc:
        position = f"{exc.filename or filename}{'' if exc.lineno is None else f':{exc.lineno}'}"
        raise InvalidStrategy(f"{position}: {summary(exc)}") from exc
    except BaseException as exc:
        raise InvalidStrategy(f"{where(exc, filename) or filename}: {summary(exc)}") from exc
    return module


def _missing_class(module: ModuleType, class_name: str) -> str:
    has = [name for name, value in vars(module).items() if isinstance(value, type) and value.__module__ == MODULE]
    found = f"it has {', '.join(has)}" if has else "it has no class"
    return f"define `class {class_name}`, or name another in `class`; {found}"
