"""An event loop whose clock jumps to the next timer as soon as nothing else can run: hours pass in milliseconds."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

_START = datetime(2026, 1, 1, tzinfo=UTC)
P = ParamSpec("P")


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the test waits for something that can never happen")
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _JumpingSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test, and the code that it tests, in a loop with virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def clock() -> datetime:
    """The time of day in such a loop, which starts on 2026-01-01T00:00:00Z."""
    return _START + timedelta(seconds=asyncio.get_running_loop().time())


async def let_pass(seconds: float) -> None:
    """Everything that is due within the next `seconds` of virtual time happens."""
    await asyncio.sleep(seconds)


async def until(condition: Callable[[], bool], seconds: float = 60.0, step: float = 0.05) -> None:
    """Returns as soon as `condition` holds. Raises TimeoutError after `seconds` of virtual time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(step)
