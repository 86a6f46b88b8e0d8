"""`tyrex-pool proxy --workers N`, the parent: starts the workers, has as many all the time, and speaks for them.

Each worker is a process with an event loop of its own on the same port; the kernel gives each connection to one.
"""

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Any, Final

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.hosting import address, log, show_start
from tyrex_pool.hosting.workers.messages import ASK, LONGEST, Failed, Orders, Serving, State, decode_told, line
from tyrex_pool.server.admin import BODY_LIMIT, DRAINING, GroupAdmin, Readiness
from tyrex_pool.server.service import in_use, listen
from tyrex_pool.server.telemetry.merged_metrics import MergedMetrics

MOST: Final = 256
_STUCK: Final = "it does not answer"
_MODULE: Final = "tyrex_pool.hosting.workers.worker"
_ANSWER: Final = 2.0
"""Seconds that a worker may take to answer."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
"""Seconds between the end of a worker and the next one; twice as many each time."""
_WELL: Final = 60.0
"""Seconds of a life after which the pauses begin anew."""


class Worker:
    """One of the workers: the process that it is now, and the next one when that has ended."""

    def __init__(self, orders: Orders, begun: asyncio.Event, stop: asyncio.Event, sums: MergedMetrics) -> None:
        """`begun` is set when all workers have tried to begin, and one did; `stop`, when all are to end."""
        self._orders = orders
        self._begun = begun
        self._stop = stop
        self._sums = sums
        self._process: asyncio.subprocess.Process | None = None
        self._channel: asyncio.StreamWriter | None = None
        self._asked: deque[asyncio.Future[State]] = deque()
        self._last = ""
        self.tried = asyncio.Event()
        """It serves, or it has failed once."""
        self.pool: dict[str, Any] | None = None
        """As `GET /v1/pool` showed it when it began to serve; None while it does not."""
        self.failure: str | None = None
        """Why the last process ended; None while one serves."""
        self._complaint: str | None = None

    @property
    def name(self) -> str:
        return f"worker {self._orders.number}"

    async def keep(self) -> None:
        """Have it run until `stop` is set, and then until its end."""
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began = monotonic()
            await self._live()
            self.tried.set()
            await self._begun.wait()
            if self._stop.is_set():
                return
            pause = _FIRST_PAUSE if monotonic() - began > _WELL else pause
            log.warning("%s: %s; it is started again in %g s", self.name, self.failure, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _live(self) -> None:
        """Start a process, and hear what it has to say until it ends."""
        self._complaint = None
        try:
            self._process, reader = await self._start()
        except OSError as error:
            self.failure = f"it cannot be started: {error}"
            return
        if self._stop.is_set():
            self.signal(signal.SIGTERM)
        await self._listen(reader)
        code = await self._process.wait()
        self._process = None
        self._forget(code)

    async def _start(self) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", _MODULE,
                stdin=theirs.fileno(),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
                start_new_session=True,  # Ctrl-C is the parent's to pass on, once
            )  # fmt: skip
        reader, self._channel = await asyncio.open_unix_connection(sock=ours, limit=LONGEST)
        self._channel.write(line(self._orders))
        return process, reader

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while text := await reader.readline():
                match decode_told(text):
                    case Serving(pool):
                        self.pool, self.failure = pool, None
                        self.tried.set()
                    case Failed(message):
                        self._complaint = message
                    case State() as state:
                        self._last = state.metrics
                        _settle(self._asked.popleft(), state)

    def _forget(self, code: int) -> None:
        """The process is gone; what it counted is not."""
        self.failure = self._complaint or _ended(code)
        if self._channel is not None:
            self._channel.close()
        self.pool = self._channel = None
        self._sums.bury(self._last)
        self._last = ""
        while self._asked:
            _settle(self._asked.popleft(), self._silent("it has ended"))

    async def state(self) -> State:
        """What it tells of itself."""
        if self.pool is None or self._channel is None:
            return self._silent(self.failure or "it is starting")
        answer: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._channel.write(ASK)
        try:
            async with asyncio.timeout(_ANSWER):
                return await answer
        except TimeoutError:
            return self._silent(_STUCK)

    def _silent(self, reason: str) -> State:
        return State(False, reason, self._last)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _ended(code: int) -> str:
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"


def _settle(answer: "asyncio.Future[State]", state: State) -> None:
    if not answer.done():
        answer.set_result(state)


class WorkerGroup:
    """All workers."""

    def __init__(self, workers: list[Worker], stop: asyncio.Event, sums: MergedMetrics) -> None:
        self.workers = workers
        self._stop = stop
        self._sums = sums

    async def _states(self) -> list[State]:
        return await asyncio.gather(*(worker.state() for worker in self.workers))

    async def healthy(self) -> bool:
        """A worker that has ended comes back by itself; one that is stuck does not."""
        return all(state.reason != _STUCK for state in await self._states())

    async def readiness(self) -> Readiness:
        if self._stop.is_set():
            return False, DRAINING
        for worker, state in zip(self.workers, await self._states(), strict=True):
            if not state.ready:
                return False, f"{worker.name}: {state.reason}"
        return True, None

    async def metrics(self) -> bytes:
        return self._sums.text([state.metrics for state in await self._states()])

    def signal(self, number: signal.Signals) -> None:
        for worker in self.workers:
            worker.signal(number)


async def supervise(args: argparse.Namespace, stop: asyncio.Event) -> int:
    """Serve with `args.workers` workers until `stop`. Raises BadInput when none begins to serve, and OSError."""
    wanted = address(args, flexible=False)
    assert wanted.admin_port is not None
    with reserved(wanted.host, wanted.port) as port:
        begun, sums = asyncio.Event(), MergedMetrics()
        orders = [Orders(vars(args), number, args.workers, port) for number in range(args.workers)]
        group = WorkerGroup([Worker(each, begun, stop, sums) for each in orders], stop, sums)
        admin = await listen(GroupAdmin(group).routes, BODY_LIMIT, wanted.host, wanted.admin_port)
        lives = [asyncio.create_task(worker.keep()) for worker in group.workers]
        try:
            await _first(asyncio.gather(*(worker.tried.wait() for worker in group.workers)), stop.wait())
            if not stop.is_set():
                show_start(_pool(group), args, port, admin.port)
            begun.set()
            await stop.wait()
            group.signal(signal.SIGTERM)
            await asyncio.gather(*lives)
        finally:
            stop.set()
            begun.set()
            group.signal(signal.SIGKILL)
            await asyncio.wait(lives)
            await admin.close()
    return 0


def _pool(group: WorkerGroup) -> dict[str, Any]:
    """The pool as the first worker sees it that serves. Raises BadInput with what the first one said that fails."""
    pools = [worker.pool for worker in group.workers if worker.pool is not None]
    if not pools:
        raise BadInput(f"{group.workers[0].failure}")
    return pools[0]


async def _first(*works: Any) -> None:
    """Until one of these is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


@contextlib.contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """A port (0: any) that is kept for processes that share it. Raises OSError when somebody else has it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, place = found[0]
    if port:
        with socket.socket(family, kind, protocol) as alone:  # a shared one would be given to us beside another proxy
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(alone, place, host, port)
    with socket.socket(family, kind, protocol) as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bind(kept, place, host, port)
        yield kept.getsockname()[1]


def _bind(made: socket.socket, place: Any, host: str, port: int) -> None:
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        made.bind(place)
    except OSError as error:
        raise (in_use(host, port) if error.errno == errno.EADDRINUSE else error) from error
