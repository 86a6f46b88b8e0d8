"""One worker as its parent sees it: starts its process, replaces it when it ends, and asks it for its state."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from time import monotonic
from typing import Final

from tyrex_pool.hosting.logs import log
from tyrex_pool.hosting.workers.messages import ASK, MAX_LINE, Failed, Orders, Serving, WorkerState, decode_report, line
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.telemetry.merged_metrics import MergedMetrics

UNRESPONSIVE: Final = "it does not answer"
"""The reason in the WorkerState of a process that runs and does not answer."""
_MODULE: Final = "tyrex_pool.hosting.workers.worker"
_ANSWER_TIMEOUT: Final = 2.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
"""Seconds between the end of a process and the start of the next one; they double each time."""
_STABLE: Final = 60.0
"""Seconds of life after which the pauses start again with the first one."""


class WorkerProcess:
    """A worker's present process, and its successors."""

    def __init__(self, orders: Orders, started: asyncio.Event, stop: asyncio.Event, metrics: MergedMetrics) -> None:
        """No process is replaced before `started` is set, and none is started after `stop` is.

        `metrics` keeps the counts of processes that have ended.
        """
        self._orders = orders
        self._started = started
        self._stop = stop
        self._metrics = metrics
        self._process: asyncio.subprocess.Process | None = None
        self._channel: asyncio.StreamWriter | None = None
        self._asked: deque[asyncio.Future[WorkerState]] = deque()
        self._last_metrics = ""
        self._message: str | None = None
        self.tried = asyncio.Event()
        """Set once the worker serves or its first process has failed."""
        self.pool: PoolView | None = None
        """The answer of `GET /v1/pool` when the process began to serve; None while it does not serve."""
        self.failure: str | None = None
        """Why the last process ended; None while one serves."""

    @property
    def name(self) -> str:
        return f"worker {self._orders.number}"

    async def keep(self) -> None:
        """Run a process, and another one whenever it ends; returns when the process has ended after `stop`."""
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began = monotonic()
            await self._run()
            self.tried.set()
            await self._started.wait()
            if self._stop.is_set():
                return
            pause = _FIRST_PAUSE if monotonic() - began > _STABLE else pause
            log.warning("%s: %s; it is started again in %g s", self.name, self.failure, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run(self) -> None:
        """Start a process and receive its reports until it ends."""
        self._message = None
        try:
            self._process, reader = await self._start()
        except OSError as error:
            self.failure = f"it cannot be started: {error}"
            return
        if self._stop.is_set():
            self.signal(signal.SIGTERM)
        await self._receive(reader)
        code = await self._process.wait()
        self._process = None
        self._on_end(code)

    async def _start(self) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", _MODULE,
                stdin=theirs.fileno(),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
                start_new_session=True,  # a terminal sends Ctrl-C to the whole session; the parent passes it on, once
            )  # fmt: skip
        reader, self._channel = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE)
        self._channel.write(line(self._orders))
        return process, reader

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while text := await reader.readline():
                match decode_report(text):
                    case Serving(pool):
                        self.pool, self.failure = pool, None
                        self.tried.set()
                    case Failed(message):
                        self._message = message
                    case WorkerState() as state:
                        self._last_metrics = state.metrics
                        _resolve(self._asked.popleft(), state)

    def _on_end(self, code: int) -> None:
        """Keep the counts of the process, and answer what it left unanswered."""
        self.failure = self._message or _end(code)
        if self._channel is not None:
            self._channel.close()
        self.pool = self._channel = None
        self._metrics.add_ended(self._last_metrics)
        self._last_metrics = ""
        while self._asked:
            _resolve(self._asked.popleft(), self._not_ready("it has ended"))

    async def state(self) -> WorkerState:
        """The WorkerState of the process; one that is not ready when there is no process or no answer from it."""
        if self.pool is None or self._channel is None:
            return self._not_ready(self.failure or "it is starting")
        answer: asyncio.Future[WorkerState] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._channel.write(ASK)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                return await answer
        except TimeoutError:
            return self._not_ready(UNRESPONSIVE)

    def _not_ready(self, reason: str) -> WorkerState:
        return WorkerState(False, reason, self._last_metrics)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _end(code: int) -> str:
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"


def _resolve(answer: "asyncio.Future[WorkerState]", state: WorkerState) -> None:
    """Set the result, unless the caller no longer waits."""
    if not answer.done():
        answer.set_result(state)
