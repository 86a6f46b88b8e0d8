"""Every exception of the package survives what multiprocessing and logging do to it: pickle and copy."""

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import tyrex_pool
from tyrex_pool.cluster.errors import ClusterUnavailable, Gone
from tyrex_pool.controller.apply import RefusedError
from tyrex_pool.model.errors import (
    DeadRuntimeError,
    ExecutionError,
    InvalidSpec,
    InvalidStrategy,
    NoRuntime,
    PromiseRejection,
    TyrexError,
    WrongType,
)

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "InvalidSpec": ("spec.size", "write 1"),
    "RefusedError": ("Invalid", "no"),
}


def exceptions() -> Iterator[type[BaseException]]:
    """All classes that the package defines."""
    for module in pkgutil.walk_packages(tyrex_pool.__path__, "tyrex_pool."):
        if module.name.endswith("__main__"):
            continue
        found = importlib.import_module(module.name)
        for value in vars(found).values():
            if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.name:
                yield value


FULL = [
    ExecutionError("no", value={"code": [7, None]}, stack="at f\nat g"),
    PromiseRejection("no", value=None),
    DeadRuntimeError("it exited", fault="guest"),
    NoRuntime(),
    WrongType("timeout: write a number"),
    InvalidSpec("spec.permissions.dney", "unknown field"),
    InvalidStrategy("it has no select"),
    RefusedError("Conflict", "somebody else has it"),
    Gone("history", 410, explained=True),
    ClusterUnavailable("no answer", 0, connected=True),
    TyrexError("HTTP 502"),
]


@pytest.mark.parametrize("kind", [*exceptions()], ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_class(kind: type[BaseException]) -> None:
    survives(kind(*ARGUMENTS.get(kind.__name__, ("what happened",))))


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_all_that_it_carries(error: Exception) -> None:
    error.add_note("seen by a test")
    survives(error)


def survives(error: BaseException) -> None:
    again = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in (*again, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(again[-1]))):
        assert type(other) is type(error)
        assert other is not error
        assert (str(other), repr(other), vars(other)) == (str(error), repr(error), vars(error))


def test_their_texts() -> None:
    assert str(InvalidSpec("spec.size", "write 1")) == "spec.size: write 1"
    assert str(RefusedError("Invalid", "no")) == "no"
