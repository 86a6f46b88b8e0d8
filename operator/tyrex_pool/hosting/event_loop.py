"""The event loop of a command: its implementation, its signals, and the process's limit of file descriptors."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tyrex_pool.hosting.logs import configure_logs
from tyrex_pool.server.http.descriptors import is_exhaustion

Main = Callable[[asyncio.Event], Coroutine[Any, Any, int]]
"""Runs until the event is set; returns the exit code."""


def run(main: Main) -> int:
    """Run `main(stop)`, on uvloop where it is installed; returns the exit code.

    The first SIGINT, SIGTERM or SIGHUP sets `stop`. A second SIGINT or SIGTERM cancels `main`; the exit code is 130
    then. A terminal that closes may send several SIGHUP. Under nohup they are ignored, as before.
    """
    configure_logs()
    _raise_descriptor_limit()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_with_signals(main))
    return uvloop.run(_with_signals(main))


def _raise_descriptor_limit() -> None:
    """Each connection takes a descriptor, and the usual soft limit is 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As asyncio does, but for connections that it cannot accept: listeners tell why, and once."""
    if not ("socket" in context and is_exhaustion(context.get("exception"))):
        loop.default_exception_handler(context)


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    stop = asyncio.Event()
    task = asyncio.ensure_future(main(stop))

    def on_signal() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    reactions = {signal.SIGINT: on_signal, signal.SIGTERM: on_signal}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        reactions[signal.SIGHUP] = stop.set
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    for number, reaction in reactions.items():
        loop.add_signal_handler(number, reaction)
    try:
        return await task
    except asyncio.CancelledError:
        return 130
