"""BlockingLocalPool: a LocalPool for programs without asyncio, such as WSGI applications and scripts."""

import os
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from tyrex_pool.dispatch.strategy import Strategy
from tyrex_pool.local.host import Host
from tyrex_pool.local.pool import LocalPool
from tyrex_pool.model.batch import BatchAnswer, Item
from tyrex_pool.model.parameters import Language


class BlockingLocalPool:
    """The parameters and methods of `LocalPool`; the methods block. Threads may share it.

    The pool lives in a thread of its own. It belongs to the process that opened it: in a forked child every method
    raises RuntimeError and does nothing. Made before a fork, it may be opened in each process after it. Custom
    strategies run in the pool's thread.
    """

    def __init__(
        self,
        size: int | None = None,
        strategy: str | Strategy = "RoundRobin",
        permissions: Mapping[str, Any] | None = None,
        *,
        main_module: str | os.PathLike[str] | None = None,
        inline: str | None = None,
        name: str = "local",
        **spec: Any,
    ) -> None:
        self._pool = LocalPool(size, strategy, permissions, main_module=main_module, inline=inline, name=name, **spec)
        self._name = name
        self._host: Host | None = None
        self._opening = threading.Lock()

    def open(self) -> Self:
        """Start the isolates, which `close` ends; returns the pool itself.

        Raises NoRuntime, with the reason, if they do not start, and RuntimeError if the pool is open.
        """
        if self._host is not None:
            self._host.check()
        # Without waiting: in a forked child the lock may be held by a thread that does not exist there.
        if self._host is not None or not self._opening.acquire(blocking=False):
            raise RuntimeError(f"the pool {self._name!r} is open already: close it first, or make another one")
        try:
            self._host = Host(self._pool, self._name)
            self._forgotten = weakref.finalize(self, _end_forgotten, self._host, self._name)
        finally:
            self._opening.release()
        return self

    def close(self) -> None:
        """Let evals end that somebody waits for, within `timeouts.drain`, then end every process and the thread.

        Again it does nothing. Raises RuntimeError in a forked child.
        """
        self._close(None)

    def _close(self, drain: float | None) -> None:
        host = self._host
        if host is not None:
            host.check()
            self._host = None
            host.end(drain)
            self._forgotten.detach()  # not before: Ctrl-C may come at any line

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._host is not None and self._host.forked:
            return  # a forked child ends here, by sys.exit() for instance: what it raised must reach its end
        interrupted = kind is not None and not issubclass(kind, Exception)
        self._close(0.0 if interrupted else None)

    def eval(
        self,
        code: str,
        *,
        key: str | None = None,
        timeout: float | None = None,
        language: Language = "javascript",
        inputs: Mapping[str, Any] | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Any:
        """As `LocalPool.eval`. Ctrl-C stops waiting."""
        return self._opened().ask(
            lambda pool: pool.eval(
                code, key=key, timeout=timeout, language=language, inputs=inputs, epoch=epoch, console=console
            )
        )

    def call(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Any:
        """As `LocalPool.call`. Ctrl-C stops waiting."""
        return self._opened().ask(
            lambda pool: pool.call(function, *args, key=key, timeout=timeout, epoch=epoch, console=console)
        )

    def batch(self, items: Iterable[Item]) -> Generator[BatchAnswer, None, None]:
        """As `LocalPool.batch`. The pool's thread takes the items."""
        host = self._opened()
        answers = host.ask(partial(_begun, items))
        try:
            while (answer := host.ask(partial(_next, answers))) is not None:
                yield answer
        finally:
            if self._host is host:
                host.ask(partial(_closed, answers))

    def status(self) -> dict[str, Any]:
        """The pool as `GET /v1/pool` shows it."""
        return self._opened().ask(_status)

    def explain(self, key: str | None = None) -> dict[str, Any]:
        """The runtime that would serve `key` now, and the reason, as `GET /v1/explain` shows them."""

        async def explained(pool: LocalPool) -> dict[str, Any]:
            return pool.explain(key)

        return self._opened().ask(explained)

    def _opened(self) -> Host:
        if self._host is None:
            raise RuntimeError("the pool is not open: use `with BlockingLocalPool(...) as pool:`, or `pool.open()`")
        return self._host


async def _begun(items: Iterable[Item], pool: LocalPool) -> AsyncGenerator[BatchAnswer, None]:
    return pool.batch(items)


async def _next(answers: AsyncGenerator[BatchAnswer, None], _: LocalPool) -> BatchAnswer | None:
    return await anext(answers, None)


async def _closed(answers: AsyncGenerator[BatchAnswer, None], _: LocalPool) -> None:
    await answers.aclose()


async def _status(pool: LocalPool) -> dict[str, Any]:
    return pool.status()


def _end_forgotten(host: Host, name: str) -> None:
    """End a pool that was never closed, when it is collected or the program ends."""
    if host.forked or host.ended:
        return
    warnings.warn(
        f"the BlockingLocalPool {name!r} was never closed: use `with`, or `pool.close()`", ResourceWarning, stacklevel=2
    )
    host.end(0.0)
