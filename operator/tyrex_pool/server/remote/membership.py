"""The runtimes of a remote pool: which servers are in it, and whether each is ready."""

import asyncio
import contextlib
from collections.abc import Mapping
from time import monotonic
from typing import Final

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.pool.view import SERVING, SlotState
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.health_check import HealthCheck, seconds_to_next_check
from tyrex_pool.server.remote.remote_driver import ANSWER_SECONDS, RemoteDriver, RemoteRuntime
from tyrex_pool.server.tasks import Tasks
from tyrex_pool.server.ticket import ServerTicket

_CHECK_SOON: Final = 0.1
"""Seconds between two checks of a runtime that is not ready."""
_DOUBLINGS: Final = 5
"""So often does this time double while a server answers, but not as a pool's server does: that will not change soon."""
_GONE: Final = frozenset({SlotState.STOPPED, SlotState.UNREACHABLE})


class Membership:
    """Checks each runtime for as long as it is in the pool, and keeps the balancer's ready slots up to date.

    `runtimes` are in the pool's order, by name. `checked` is set once every runtime was checked.
    """

    def __init__(self, balancer: Balancer[ServerTicket, RemoteRuntime], tasks: Tasks) -> None:
        self.runtimes: dict[str, RemoteRuntime] = {}
        self.checked = asyncio.Event()
        self.driver = RemoteDriver(balancer, tasks, self._mark_unreachable)
        self._balancer = balancer
        self._tasks = tasks
        self._queue_length: int | None = None

    def set_queue_length(self, length: int) -> None:
        """From now on `length` evals may wait for each runtime, whatever its own manifest says."""
        self._queue_length = length
        for runtime in self.runtimes.values():
            runtime.set_queue_length(length)

    def set_endpoints(self, endpoints: Mapping[str, Endpoint], concurrency: int) -> None:
        """Have exactly these runtimes, in this order; a new one has this capacity until its server reports another."""
        for name, runtime in list(self.runtimes.items()):
            if endpoints.get(name) != runtime.endpoint:
                self._remove(name)
        known = self.runtimes
        self.runtimes = {
            name: known.get(name) or self._add(name, endpoint, concurrency) for name, endpoint in endpoints.items()
        }
        for index, runtime in enumerate(self.runtimes.values()):
            runtime.slot.index = index
        self._update_ready()
        self._note_checks()

    def _add(self, name: str, endpoint: Endpoint, concurrency: int) -> RemoteRuntime:
        runtime = RemoteRuntime.of(name, endpoint, concurrency)
        runtime.checking = self._tasks.spawn(self._keep_checking(runtime))
        return runtime

    def _remove(self, name: str) -> None:
        """Forget a runtime; the evals that it has run to their end."""
        runtime = self.runtimes.pop(name)
        if runtime.checking is not None:
            runtime.checking.cancel()
        self._mark_unavailable(runtime, SlotState.STOPPED, "it is not part of the pool any more")

    async def _keep_checking(self, runtime: RemoteRuntime) -> None:
        strange = 0
        with contextlib.closing(HealthCheck(runtime.endpoint)) as health_check:
            while True:
                strange = strange + 1 if await self._check_runtime(runtime, health_check) else 0
                runtime.checked = True
                self._note_checks()
                ready = runtime.state is SlotState.READY
                soon = _CHECK_SOON * 2 ** min(strange, _DOUBLINGS)
                pause = seconds_to_next_check(runtime.slot.index, monotonic()) if ready else soon
                await asyncio.sleep(pause)

    async def _check_runtime(self, runtime: RemoteRuntime, health_check: HealthCheck) -> bool:
        """Update the state of a runtime. It is ready when its server says so and a stream to it is open.

        Returns whether its server answered, and not as a pool's server does.
        """
        before = runtime.slot.own
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                view = await health_check.check()
        except (OSError, ValueError) as error:
            self._mark_unreachable(runtime, runtime.failure(error))
            return isinstance(error, ValueError)
        runtime.last_error = view.last_error
        if not view.ready or not view.runtimes:
            self._mark_unavailable(runtime, *_trouble(view))
            return False
        if runtime.upstream is None and not runtime.opening and not await self.driver.open_stream(runtime):
            return True
        was_ready = runtime.state in SERVING
        runtime.update(view, max(before, runtime.slot.own))  # an eval may have ended since the server counted it
        if self._queue_length is not None:
            runtime.set_queue_length(self._queue_length)
        if not was_ready:
            self._update_ready()
        return False

    def _note_checks(self) -> None:
        if not self.checked.is_set() and all(runtime.checked for runtime in self.runtimes.values()):
            self.checked.set()

    def _mark_unreachable(self, runtime: RemoteRuntime, reason: str) -> None:
        self._mark_unavailable(runtime, SlotState.UNREACHABLE, reason)

    def _mark_unavailable(self, runtime: RemoteRuntime, state: SlotState, reason: str) -> None:
        """Choose the runtime no more; evals that were not sent to it go to other runtimes."""
        was_ready = runtime.state in SERVING
        runtime.state, runtime.reason = state, reason
        if was_ready:
            self._update_ready()
        waiting = self._balancer.evict(runtime.slot)
        if state in _GONE and runtime.upstream is not None:
            runtime.upstream.leave()
        for ticket in waiting:
            error = NoRuntime(f"runtime {runtime.slot.name} cannot be reached: {reason}")
            self.driver.retry_elsewhere(ticket, error)

    def _update_ready(self) -> None:
        self._balancer.set_ready([runtime.slot for runtime in self.runtimes.values() if runtime.state in SERVING])

    def close(self) -> None:
        """Remove every runtime."""
        for name in list(self.runtimes):
            self._remove(name)


def _trouble(view: PoolView) -> tuple[SlotState, str]:
    """Why a server is not ready, as the state and the reason of the runtime that it is here."""
    failed = [runtime for runtime in view.runtimes if runtime.state == SlotState.FAILED.value]
    if failed:
        return SlotState.FAILED, failed[0].reason or "its isolate does not start"
    return SlotState.STARTING, "it is starting"
