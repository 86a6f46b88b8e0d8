"""How a pool goes: it drains first, also one that was deleted long ago, and its time ends."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tyrex_pool.cluster.access import Cluster
from tyrex_pool.controller.finalize import CHECK_INTERVAL, MARGIN, Finalizer
from tyrex_pool.controller.store import Store
from tyrex_pool.model import names
from tyrex_pool.model.kinds import Kind

ASKED = datetime(2026, 1, 1, tzinfo=UTC)
DRAIN = 5
POOL: dict[str, Any] = {
    "metadata": {
        "namespace": "web",
        "name": "p",
        "uid": "1",
        "resourceVersion": "1",
        "finalizers": [names.FINALIZER],
        "deletionTimestamp": ASKED.isoformat(),
    },
    "spec": {"timeouts": {"drain": f"{DRAIN}s"}},
}
PROXIES: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "p-proxy", "namespace": "web", "labels": {names.LABEL_POOL: "p"}},
    "spec": {"replicas": 2},
}


class Written(Cluster):
    """Remembers what is written; one pod is there and stays."""

    def __init__(self) -> None:
        self.merged: list[tuple[str, Mapping[str, Any]]] = []
        self.deleted: list[tuple[str, int | None]] = []

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> list[dict[str, Any]]:
        return [{"metadata": {"name": "p-proxy-1", "namespace": "web"}}]

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any] | None:
        self.merged.append((name, patch))
        return None

    async def delete(self, kind: Kind, namespace: str, name: str, *, grace: int | None = None) -> bool:
        self.deleted.append((name, grace))
        return True


@pytest.mark.parametrize("away", [pytest.param(0, id="at once"), pytest.param(3600, id="an hour later")])
async def test_it_drains_first_and_is_let_go_when_its_time_is_over(away: float) -> None:
    cluster, store, time = Written(), Store(), ASKED + timedelta(seconds=away)
    store.set_child(PROXIES)
    finalizer = Finalizer(cluster, store, lambda: time)
    assert await finalizer.finalize(POOL) == CHECK_INTERVAL
    assert cluster.merged == [("p-proxy", {"spec": {"replicas": 0}})]
    assert cluster.deleted == []
    time += timedelta(seconds=DRAIN + MARGIN)
    assert await finalizer.finalize(POOL) is None
    assert cluster.deleted == [("p-proxy-1", 0), ("p-proxy", None)]
    assert cluster.merged[-1] == ("p", {"metadata": {"finalizers": [], "resourceVersion": "1"}})
