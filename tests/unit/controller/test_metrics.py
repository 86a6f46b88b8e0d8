"""What the operator counts."""

from dataclasses import dataclass

import httpx
from prometheus_client import generate_latest

from tests.unit.server.exposed import labelled, value
from tyrex_pool.controller.metrics import RESULTS, Health, OperatorMetrics, serve
from tyrex_pool.controller.store import Store


def test_results_are_there_before_they_happen() -> None:
    """Else the first error would not be an increase of anything."""
    metrics = OperatorMetrics(Store())
    metrics.reconciles.labels("error").inc()
    shown = labelled(generate_latest(metrics.registry), "tyrex_operator_reconciles_total")
    assert shown == {(("result", result),): float(result == "error") for result in RESULTS}


def test_pools_by_condition() -> None:
    store = Store()
    for name, status, reason in (("a", "True", "Ready"), ("b", "False", "InvalidSpec")):
        condition = {"type": "Ready", "status": status, "reason": reason}
        identity = {"name": name, "namespace": "web", "uid": name, "resourceVersion": "1"}
        store.set_pool({"metadata": identity, "status": {"conditions": [condition]}})
    metrics = OperatorMetrics(store)
    metrics.queued = lambda: 3
    text = generate_latest(metrics.registry)
    assert value(text, "tyrex_pool_ready", namespace="web", pool="a", reason="Ready") == 1
    assert value(text, "tyrex_pool_ready", namespace="web", pool="b", reason="InvalidSpec") == 0
    assert value(text, "tyrex_operator_queue_length") == 3
    assert len(labelled(text, "tyrex_build_info")) == 1


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_healthy_while_resyncs_end() -> None:
    clock = Clock()
    health = Health(OperatorMetrics(Store()), 300, clock)
    clock.now += 10_000
    assert health.problem is None, "on standby"
    health.leads()
    clock.now += 300
    assert health.problem is None
    clock.now += 1
    assert health.problem == "the last resync ended 301 s ago"
    health.resynced()
    assert health.problem is None


async def test_the_admin_port() -> None:
    clock, metrics = Clock(), OperatorMetrics(Store())
    health = Health(metrics, 300, clock)
    admin = await serve(health, metrics, "127.0.0.1", 0)
    host, port = admin.addresses[0][:2]
    try:
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as http:

            async def status(path: str) -> tuple[int, object]:
                answer = await http.get(path)
                return answer.status_code, answer.json()

            assert await status("/healthz") == (200, {"healthy": True, "reason": None})
            assert await status("/readyz") == (503, {"ready": False})
            health.connected = True
            assert await status("/readyz") == (200, {"ready": True})
            health.leads()
            clock.now += 301
            assert await status("/healthz") == (503, {"healthy": False, "reason": "the last resync ended 301 s ago"})
            assert "tyrex_operator_leader 1.0" in (await http.get("/metrics")).text
    finally:
        await admin.cleanup()
