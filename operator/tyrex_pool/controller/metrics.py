"""The operator's metrics, its health, and the admin port that serves both."""

from collections.abc import Callable, Iterator
from time import time
from typing import Final

from aiohttp import web
from prometheus_client import Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from tyrex_pool.build_info import registry
from tyrex_pool.controller.store import Store
from tyrex_pool.model import names
from tyrex_pool.plan.reasons import READY
from tyrex_pool.plan.status import condition

RESULTS: Final = ("done", "waiting", "conflict", "error", "defect")
"""How a reconciliation can end: `waiting` means that it is repeated without a change."""
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class OperatorMetrics:
    """Counters of reconciliations, and gauges read at each scrape: the pools of `store`, and `queued()` pools."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.queued: Callable[[], int] = lambda: 0
        self.registry = registry()
        self.reconciles = Counter(
            "tyrex_operator_reconciles", "Looks at a pool, by result", ["result"], registry=self.registry
        )
        for result in RESULTS:
            self.reconciles.labels(result)
        self.seconds = Histogram("tyrex_operator_reconcile_seconds", "Time of a look at a pool", registry=self.registry)
        self.last_resync = Gauge(
            "tyrex_operator_last_resync_timestamp_seconds", "When the last resync ended", registry=self.registry
        )
        self.leader = Gauge("tyrex_operator_leader", "1 while this replica leads", registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("tyrex_operator_queue_length", "Pools that wait for a look", value=self.queued())
        ready = GaugeMetricFamily(
            "tyrex_pool_ready", "1 when the pool is Ready", labels=["namespace", "pool", "reason"]
        )
        for key, pool in sorted(self._store.pools.items()):
            found = condition(pool.get("status", {}), READY)
            ready.add_metric([*key, found.get("reason", "Unknown")], float(found.get("status") == "True"))
        yield ready


class Health:
    """Healthy on standby, and while leading as long as the last resync ended at most `limit` seconds ago.

    `clock`: seconds since the epoch. `connected`: readiness, set by the operator.
    """

    def __init__(self, metrics: OperatorMetrics, limit: float, clock: Callable[[], float] = time) -> None:
        self._metrics = metrics
        self._limit = limit
        self._clock = clock
        self._last: float | None = None
        self.connected = False

    def leads(self) -> None:
        """This replica leads: resyncs are expected from now on."""
        self._metrics.leader.set(1)
        self._last = self._clock()

    def resynced(self) -> None:
        """A resync has ended."""
        self._last = self._clock()
        self._metrics.last_resync.set(self._last)

    @property
    def problem(self) -> str | None:
        """Why the operator is unhealthy; None: it is healthy."""
        if self._last is not None and (age := self._clock() - self._last) > self._limit:
            return f"the last resync ended {age:.0f} s ago"
        return None


async def serve(health: Health, metrics: OperatorMetrics, host: str, port: int) -> web.AppRunner:
    """Listen on the admin port until `cleanup` of the result. Raises OSError when the port is in use."""

    async def healthy(request: web.Request) -> web.Response:
        problem = health.problem
        return web.json_response(
            {"healthy": problem is None, "reason": problem}, status=200 if problem is None else 503
        )

    async def ready(request: web.Request) -> web.Response:
        return web.json_response({"ready": health.connected}, status=200 if health.connected else 503)

    async def show(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": _CONTENT_TYPE})

    app = web.Application()
    app.add_routes(
        [web.get(names.PATH_HEALTH, healthy), web.get(names.PATH_READY, ready), web.get(names.PATH_METRICS, show)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
