"""Reports what happened to a pool as Kubernetes events (`kubectl describe txp`)."""

from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.model import names
from tyrex_pool.model.kinds import EVENT
from tyrex_pool.plan.status import READY, condition

_COMPONENT = "tyrex-pool-operator"
_MESSAGE_LIMIT = 1024
_PASSING = frozenset({"Starting", "Updating"})
"""Reasons of the condition Ready that get no event: they pass by themselves."""


def news(before: Object, after: Object) -> tuple[str, str, str] | None:
    """Type, reason and message of the event for a change of status; None: it gets no event."""
    old, new = condition(before, READY), condition(after, READY)
    if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]) or new["reason"] in _PASSING:
        return None
    kind = "Normal" if new["status"] == "True" or new["reason"] in ("Parked", "Deleting") else "Warning"
    return kind, new["reason"], new["message"]


async def post(cluster: ClusterApi, pool: Object, kind: str, reason: str, message: str, now: datetime) -> None:
    """Create the event. Errors of the API server are ignored: an event is not worth a retry."""
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
