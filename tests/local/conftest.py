"""`pool`: one for all tests of a module, of its SPEC; `fresh`: one for one test; `start`: as many as a test wants."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.local.running import RunningPool, running

Start = Callable[..., RunningPool]


@pytest.fixture(scope="module")
def pool(request: pytest.FixtureRequest) -> Iterator[RunningPool]:
    with running(request.module.SPEC) as pool:
        yield pool


@pytest.fixture
def fresh() -> Iterator[RunningPool]:
    """One runtime for one test, which may ruin it."""
    with running({"size": 1}) as pool:
        yield pool


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a pool with the given members of a spec; `config_maps` and `directory` as `running` takes them."""
    with ExitStack() as stack:

        def start(config_maps: Any = None, directory: Any = None, **spec: Any) -> RunningPool:
            return stack.enter_context(running(spec, config_maps, directory))

        yield start
