"""The admin port: liveness, readiness with the reason, and metrics; for one process or for a group of workers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from tyrex_pool.model import names
from tyrex_pool.model.wire import encode_json
from tyrex_pool.server.api import Pool
from tyrex_pool.server.http.messages import Request, head
from tyrex_pool.server.http.routes import Responder, Routes
from tyrex_pool.server.telemetry.metrics import Metrics

BODY_LIMIT = 4096
DRAINING = "the server is draining"
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Readiness = tuple[bool, str | None]
"""Whether it is ready, and why not."""


class Admin:
    """Handlers of the admin port; `routes` is what a listener wants."""

    def __init__(self, backend: Pool, metrics: Metrics) -> None:
        self._backend = backend
        self._metrics = metrics
        self.draining = False
        self.routes: Routes = {
            names.PATH_HEALTH.encode(): {b"GET": self._healthy},
            names.PATH_READY.encode(): {b"GET": self._ready},
            names.PATH_METRICS.encode(): {b"GET": self._show_metrics},
        }

    def readiness(self) -> Readiness:
        if self.draining:
            return False, DRAINING
        return (True, None) if self._backend.ready else (False, self._backend.reason)

    def metrics(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return self._metrics.text()

    def _healthy(self, responder: Responder, request: Request) -> None:
        responder.respond(*_health(True))

    def _ready(self, responder: Responder, request: Request) -> None:
        responder.respond(*_readiness(self.readiness()))

    def _show_metrics(self, responder: Responder, request: Request) -> None:
        responder.respond(*_metrics(self.metrics()))


class Workers(Protocol):
    """A group of worker processes, which answer after a while."""

    async def healthy(self) -> bool: ...
    async def readiness(self) -> Readiness: ...
    async def metrics(self) -> bytes: ...


class GroupAdmin:
    """The admin port of a group of workers."""

    def __init__(self, processes: Workers) -> None:
        self._processes = processes
        self.routes: Routes = {
            names.PATH_HEALTH.encode(): {b"GET": lambda responder, _: _Later(responder, self._healthy)},
            names.PATH_READY.encode(): {b"GET": lambda responder, _: _Later(responder, self._ready)},
            names.PATH_METRICS.encode(): {b"GET": lambda responder, _: _Later(responder, self._show_metrics)},
        }

    async def _healthy(self) -> tuple[bytes, bytes]:
        return _health(await self._processes.healthy())

    async def _ready(self) -> tuple[bytes, bytes]:
        return _readiness(await self._processes.readiness())

    async def _show_metrics(self) -> tuple[bytes, bytes]:
        return _metrics(await self._processes.metrics())


class _Later:
    """An answer that a task is making."""

    def __init__(self, responder: Responder, make: Callable[[], Awaitable[tuple[bytes, bytes]]]) -> None:
        self._task = asyncio.ensure_future(self._answer(responder, make))

    async def _answer(self, responder: Responder, make: Callable[[], Awaitable[tuple[bytes, bytes]]]) -> None:
        responder.respond(*await make())

    def abandon(self) -> None:
        self._task.cancel()


def _health(healthy: bool) -> tuple[bytes, bytes]:
    return head(200 if healthy else 503, names.TYPE_JSON), encode_json({"healthy": healthy})


def _readiness(readiness: Readiness) -> tuple[bytes, bytes]:
    ready, reason = readiness
    return head(200 if ready else 503, names.TYPE_JSON), encode_json({"ready": ready, "reason": reason})


def _metrics(text: bytes) -> tuple[bytes, bytes]:
    return head(200, _METRICS_TYPE), text
