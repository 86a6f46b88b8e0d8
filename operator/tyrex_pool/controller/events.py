"""Reports what happened to a pool as Kubernetes events (`kubectl describe txp`)."""

from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.model import names
from tyrex_pool.model.kinds import EVENT
from tyrex_pool.plan.reasons import DELETING, READY, UPDATING, WORKING
from tyrex_pool.plan.status import condition

_COMPONENT = "tyrex-pool-operator"
_MESSAGE_LIMIT = 1024


def news(before: Object, after: Object) -> tuple[str, str, str] | None:
    """Type, reason and message of the event for a change of status; None: it gets no event.

    A Warning when the pool stops being Ready, and when the reason for that changes; but not for the course of a change
    that a user made. Normal when it is Ready (again).
    """
    old, new = condition(before, READY), condition(after, READY)
    if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]):
        return None
    if new["reason"] in WORKING and not _lost(before, after):
        return None
    kind = "Normal" if new["status"] == "True" or new["reason"] == DELETING else "Warning"
    return kind, new["reason"], new["message"]


def _lost(before: Object, after: Object) -> bool:
    """Whether a Ready pool lost pods although nobody changed what it should be."""
    unchanged = before.get("observedGeneration") == after["observedGeneration"]
    was_ready = condition(before, READY).get("status") == "True"
    return was_ready and unchanged and condition(after, READY)["reason"] != UPDATING


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
