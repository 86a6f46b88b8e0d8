"""LocalPool: a pool of real Deno processes in your own program, without a server and without a cluster."""

import asyncio
import os
import warnings
import weakref
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import msgspec

from tyrex_pool.dispatch.custom import adapt
from tyrex_pool.dispatch.strategy import Strategy
from tyrex_pool.dispatch.ticket import Outcome, Ticket
from tyrex_pool.local.batch import LocalBatch
from tyrex_pool.local.home import Home
from tyrex_pool.model.answer import Answer
from tyrex_pool.model.batch import BatchAnswer, Item
from tyrex_pool.model.console import Console
from tyrex_pool.model.durations import format_duration
from tyrex_pool.model.errors import InvalidRequest, TyrexError
from tyrex_pool.model.parameters import Language, call_parameters, checked_key, checked_timeout, eval_parameters
from tyrex_pool.model.pool_view import pool_to_json
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import CallRequest, EvalRequest, decode_json, unreadable
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.runtime.sources import Sources


class LocalTicket(Ticket):
    """An eval whose caller awaits `reply_to`."""

    __slots__ = ("reply_to",)
    reply_to: asyncio.Future[bytes]


class LocalPool:
    """Evaluates JavaScript in `size` Deno processes of this machine (default: one per processor).

    `strategy` is a name (RoundRobin, Random, Hash, LeastLoaded) or an object with `select(runtimes, key)`.
    `permissions` is `{"default": …, "allow": {…}, "deny": {…}}`; nothing is allowed by default. `main_module` is
    the path of a module that each runtime loads first, or its source when it is given as `inline=`. Everything
    else is a field of a TyrexPool's spec in the same form: `timeouts={"eval": "2s"}`, `limits={"heap": "64Mi"}`,
    `concurrency`, `queue`, `spec={…}`. Raises InvalidSpec or InvalidStrategy.

    Use it as `async with LocalPool(…) as pool:`, or with `open` and `close`, in the thread and the event loop that
    opened it. Elsewhere, in a forked child too, its methods raise RuntimeError and do nothing; only `close` may be
    called from every loop and thread of the process.
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
        raw: dict[str, Any] = {"size": os.cpu_count() or 1 if size is None else size}
        self._strategy = None if isinstance(strategy, str) else adapt(strategy)
        if isinstance(strategy, str):
            raw["strategy"] = {"type": strategy}
        if permissions is not None:
            raw["permissions"] = permissions
        if main_module is not None:
            raw["mainModule"] = {"path": os.fspath(main_module)}
        if inline is not None:
            raw.setdefault("mainModule", {})["inline"] = inline
        self._spec = PoolSpec.parse(raw | spec)
        self._name = name
        self._pool: IsolatePool | None = None
        self._home: Home | None = None

    async def open(self) -> Self:
        """Start the isolates, which `close` ends; returns the pool itself.

        Raises NoRuntime, with the reason, if they do not start, and RuntimeError if the pool is open.
        """
        if self._home is not None:
            self._home.check()
            raise RuntimeError(f"the pool {self._name!r} is open already: close it first, or make another LocalPool")
        self._home = Home()
        try:
            self._pool = await self._started()
        except BaseException:
            self._home = None
            raise
        self._forgotten = weakref.finalize(self, _end_forgotten, self._pool, self._home)
        return self

    async def _started(self) -> IsolatePool:
        pool = IsolatePool(self._name, self._spec, Sources(Path.cwd(), {}), self._strategy)
        try:
            pool.start()
            await pool.wait_ready()
        except BaseException:
            await pool.close()
            raise
        return pool

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._home is not None and self._home.forked:
            return  # a forked child ends here, by sys.exit() for instance: what it raised must reach its end
        cancelled = kind is not None and not issubclass(kind, Exception)  # Ctrl-C and SystemExit too
        await self.close(drain=0.0 if cancelled else None)

    async def close(self, *, drain: float | None = None) -> None:
        """Let evals end that somebody awaits, within `drain` seconds (None: `timeouts.drain`), then end every process;
        again it does nothing.

        When the event loop that opened the pool does not run any more, every process ends at once. Raises RuntimeError
        in a forked child.
        """
        drain = self._spec.timeouts.drain if drain is None else drain
        pool, home = self._pool, self._home
        if pool is None or home is None:
            return
        if home.forked:
            home.check()
        self._pool = self._home = None
        self._forgotten.detach()
        if home.here:
            await pool.close(drain)
        elif home.loop.is_running():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(pool.close(drain), home.loop))
        else:
            pool.abandon()

    async def eval(
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
        """The completion value of `code`, awaited if it is a promise. `timeout` in seconds.

        The code sees `inputs`, data as in the arguments of `call`, under that name. With `epoch`, that of a runtime in
        `status()`, it runs in that runtime's present isolate or not at all: EpochChanged.

        With `console` an Answer: its `result`, and what the code printed as its `console`. Errors have that too then.
        Raises a TyrexError; for a parameter of the wrong type it is an InvalidRequest that is a TypeError too.
        """
        return await self._run(eval_parameters(code, key, language, inputs, epoch, console), timeout)

    async def call(
        self,
        function: str,
        *args: Any,
        key: str | None = None,
        timeout: float | None = None,
        epoch: int | str | None = None,
        console: bool = False,
    ) -> Any:
        """The value of the global `function` (a dotted name) called with `args`.

        Arguments are JSON's own types: None, bool, int, float, str, and lists, tuples and dicts with str keys of them.
        Everything else is refused, as are NaN, infinities and whole numbers that JavaScript reads as Infinity:
        InvalidRequest names the value's path and what to pass instead. `console` as in `eval`. Raises a TyrexError.
        """
        return await self._run(call_parameters(function, args, key, epoch, console), timeout)

    async def batch(self, items: Iterable[Item]) -> AsyncGenerator[BatchAnswer, None]:
        """Evaluate all `items`, side by side; yields an answer for each as it finishes, with its index.

        An item is code (a str) or the members of `POST /v1/eval` or `/v1/call` as a dict. One that fails does so alone:
        its answer has the `error`, and nothing is raised. Items are taken as they start: while the pool is busy, and
        while nobody takes answers, none is. When the iterator is closed, what has not started is dropped.
        """
        async with aclosing(LocalBatch(self._opened(), items).answers()) as answers:
            async for answer in answers:
                yield answer

    def status(self) -> dict[str, Any]:
        """The pool as `GET /v1/pool` shows it."""
        return pool_to_json(self._opened(in_loop=False).describe())

    def explain(self, key: str | None = None) -> dict[str, Any]:
        """The runtime that would serve `key` now, and the reason, as `GET /v1/explain` shows them."""
        members: dict[str, Any] = msgspec.to_builtins(self._opened(in_loop=False).explain(checked_key(key)))
        return members

    def _opened(self, *, in_loop: bool = True) -> IsolatePool:
        if self._pool is None or self._home is None:
            raise RuntimeError("the pool is not open: use `async with LocalPool(...) as pool:`, or `await pool.open()`")
        self._home.check(in_loop=in_loop)
        return self._pool

    async def _run(self, work: EvalRequest | CallRequest, timeout: float | None) -> Any:
        pool = self._opened()
        timeouts = self._spec.timeouts
        seconds = timeouts.eval if timeout is None else checked_timeout(timeout)
        if seconds > timeouts.max_eval:
            limit = format_duration(timeouts.max_eval)
            raise InvalidRequest(f"timeout: write seconds above 0 and up to timeouts.maxEval ({limit}); got {seconds}")
        now = monotonic()
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        ticket = LocalTicket(work, work.key, now, now + seconds, _deliver)
        ticket.reply_to = future
        pool.submit(ticket)
        try:
            payload = await future
        except asyncio.CancelledError:
            pool.cancel(ticket)
            raise
        try:
            result = decode_json(payload)
        except ValueError as error:
            raise unreadable(error) from error
        return result if ticket.console is None else _answer(ticket, result, ticket.console)


def _answer(ticket: LocalTicket, result: Any, console: Console) -> Answer:
    runtime = ticket.slot.name if ticket.slot is not None else ""
    return Answer(result, runtime, str(ticket.epoch), console.lines, console.truncated)


def _deliver(ticket: LocalTicket, outcome: Outcome) -> None:
    """Resolve the caller's future; isolates of this process never give a RemoteAnswer."""
    future = ticket.reply_to
    if future.done():
        return
    try:
        if isinstance(outcome, bytes):
            future.set_result(outcome)
        elif isinstance(outcome, TyrexError):
            future.set_exception(outcome)
    except RuntimeError:  # the event loop is closed
        if not future.get_loop().is_closed():
            raise


def _end_forgotten(pool: IsolatePool, home: Home) -> None:
    """End a pool that was never closed, when its LocalPool is collected (in any thread) or the program ends."""
    if home.forked:
        return
    warnings.warn(
        f"the LocalPool {pool.name!r} was never closed: use `async with`, or `await pool.close()`",
        ResourceWarning,
        stacklevel=2,
    )
    if home.loop.is_running():
        home.loop.call_soon_threadsafe(pool.abandon)  # not here: its code may be running now
    else:
        pool.abandon()
