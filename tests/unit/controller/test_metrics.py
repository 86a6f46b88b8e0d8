"""What the operator counts."""

from prometheus_client import generate_latest

from tests.unit.server.exposed import labelled, value
from tyrex_pool.controller.metrics import RESULTS, OperatorMetrics
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
