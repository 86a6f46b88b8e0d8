"""Tells people what happened to a pool, as Kubernetes events (`kubectl describe txp`)."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from tyrex_pool.cluster.access import Cluster, ClusterError
from tyrex_pool.model import names
from tyrex_pool.model.kinds import EVENT
from tyrex_pool.plan.status import READY, condition

Object = dict[str, Any]
_COMPONENT = "tyrex-pool-operator"
_MESSAGE_LIMIT = 1024
_PASSING = frozenset({"Starting", "Updating"})
"""Reasons that are no news."""


def news(before: Object, after: Object) -> tuple[str, str, str] | None:
    """Type, reason and message of the event that a change of status is worth, if it is."""
    old, new = condition(before, READY), condition(after, READY)
    if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]) or new["reason"] in _PASSING:
        return None
    kind = "Normal" if new["status"] == "True" or new["reason"] in ("Parked", "Deleting") else "Warning"
    return kind, new["reason"], new["message"]


async def post(cluster: Cluster, pool: Object, kind: str, reason: str, message: str, now: datetime) -> None:
    """Best effort: an event that cannot be written is no reason to stop."""
    metadata = pool["metadata"]
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": kind,
        "reason": reason,
        "message": message[:_MESSAGE_LIMIT],
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
    with suppress(ClusterError):
        await cluster.create(EVENT, metadata["namespace"], event)
