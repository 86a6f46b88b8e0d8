"""Deletes a pool's children before the pool: the proxies first, so that evals in flight end; then every child; then
the finalizer.

No deletion is blocked for ever: past the deadline the pods that are left are deleted without a grace period.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.store import Store, key_of, ref_to
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.durations import parse_duration
from tyrex_pool.model.kinds import BY_NAME, DEPLOYMENT, POD, TYREX_POOL
from tyrex_pool.model.spec import Timeouts
from tyrex_pool.plan.children import gone
from tyrex_pool.plan.diff import diff

MARGIN = 10.0
"""Seconds that a deletion may take on top of `timeouts.drain`."""
CHECK_INTERVAL = 0.3
"""Seconds between checks of what is left."""

logger = logging.getLogger("tyrex_pool")


class Finalizer:
    """The deadline counts from the first call of `finalize` for a pool, not from its deletionTimestamp: a pool that was
    deleted while no operator ran has not been drained yet.
    """

    def __init__(self, cluster: ClusterApi, store: Store, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._store = store
        self._clock = clock
        self._started: dict[str, datetime] = {}

    async def ensure(self, pool: Object) -> None:
        """Set the finalizer if the pool has none of ours. Raises ClusterError."""
        finalizers = pool["metadata"].get("finalizers", [])
        if names.FINALIZER not in finalizers:
            await self._set(pool, [*finalizers, names.FINALIZER])

    async def finalize(self, pool: Object) -> float | None:
        """Do one step; returns the seconds until the next one, None at the end. Raises ClusterError."""
        metadata = pool["metadata"]
        if names.FINALIZER not in metadata.get("finalizers", ()):
            return None
        key = key_of(pool)
        started = self._started.setdefault(metadata["uid"], self._clock())
        overdue = self._clock() >= started + timedelta(seconds=_drain_seconds(pool) + MARGIN)
        if overdue:
            await self._force(key)
        elif await self._drain(key):
            return CHECK_INTERVAL
        await self._set(pool, [name for name in metadata["finalizers"] if name != names.FINALIZER])
        self._started.pop(metadata["uid"], None)
        logger.info("%s: gone%s", key, ", by force" if overdue else "")
        return None

    async def _drain(self, key: Key) -> bool:
        """Delete the proxies, and the other children when no proxy is left; returns whether anything is left."""
        proxies = ref_to(DEPLOYMENT, names.proxy_deployment(key.name))
        deployment = self._store.children.get(key, {}).get(proxies)
        if deployment is not None and deployment["spec"].get("replicas", 1) > 0:
            logger.info("%s: draining", key)
            await self._cluster.merge(DEPLOYMENT, key.namespace, proxies.name, {"spec": {"replicas": 0}})
            return True
        if await self._cluster.list(POD, key.namespace, labels=names.selector(key.name, names.COMPONENT_PROXY)):
            return True
        await self._delete_children(key)
        pods = await self._cluster.list(POD, key.namespace, labels=names.selector(key.name))
        return bool(pods or self._store.children.get(key))

    async def _delete_children(self, key: Key) -> None:
        for action in diff(gone(key.name), self._store.children.get(key, {})):
            kind = BY_NAME[action.ref.api_version, action.ref.kind]
            await self._cluster.delete(kind, key.namespace, action.ref.name)

    async def _force(self, key: Key) -> None:
        """Delete everything at once, and wait for nothing.

        A kubelet that already ends a pod ignores a shorter grace period: only a grace period of 0 removes the pod.
        """
        for pod in await self._cluster.list(POD, key.namespace, labels=names.selector(key.name)):
            logger.warning("%s: pod %s did not end in time: ended by force", key, pod["metadata"]["name"])
            await self._cluster.delete(POD, key.namespace, pod["metadata"]["name"], grace=0)
        await self._delete_children(key)

    async def _set(self, pool: Object, finalizers: list[str]) -> None:
        """Raises Conflict when the pool has changed meanwhile: it is reconciled again then."""
        metadata = pool["metadata"]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        written = await self._cluster.merge(TYREX_POOL, metadata["namespace"], metadata["name"], patch)
        if written is not None and not written["metadata"].get("deletionTimestamp"):
            metadata.update(written["metadata"])


def _drain_seconds(pool: Object) -> float:
    """`timeouts.drain`, even if other fields of the spec are invalid; the default if it is invalid itself."""
    spec = pool.get("spec")
    timeouts = spec.get("timeouts") if isinstance(spec, dict) else None
    drain = timeouts.get("drain") if isinstance(timeouts, dict) else None
    try:
        return float(parse_duration(drain)) if isinstance(drain, str) else float(Timeouts().drain)
    except ValueError:
        return float(Timeouts().drain)
