"""Lets a pool go: its proxies first, so that evals in flight end; then every child; then the finalizer.

Nothing blocks a deletion for good: past the deadline what is left is ended by force.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from tyrex_pool.cluster.access import Cluster, Object
from tyrex_pool.controller.queue import Key
from tyrex_pool.controller.store import Store, key_of, ref_to
from tyrex_pool.model import names
from tyrex_pool.model.durations import parse_duration
from tyrex_pool.model.kinds import BY_NAME, DEPLOYMENT, POD, TYREX_POOL
from tyrex_pool.model.spec import Timeouts
from tyrex_pool.plan.children import gone
from tyrex_pool.plan.diff import diff

MARGIN = 10.0
"""Seconds that a pool has on top of `timeouts.drain` to go by itself."""
LOOK = 0.3
"""Seconds between looks at what is left."""

logger = logging.getLogger("tyrex_pool")


class Finalizer:
    """A pool's time begins with our first look: one that was deleted while no operator ran has not drained yet."""

    def __init__(self, cluster: Cluster, store: Store, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._store = store
        self._clock = clock
        self._begun: dict[str, datetime] = {}

    async def ensure(self, pool: Object) -> None:
        """The pool must not go without us. Raises ClusterError."""
        finalizers = pool["metadata"].get("finalizers", [])
        if names.FINALIZER not in finalizers:
            await self._set(pool, [*finalizers, names.FINALIZER])

    async def finalize(self, pool: Object) -> float | None:
        """One step; returns the seconds until the next, None at the end. Raises ClusterError."""
        metadata = pool["metadata"]
        if names.FINALIZER not in metadata.get("finalizers", ()):
            return None
        key = key_of(pool)
        begun = self._begun.setdefault(metadata["uid"], self._clock())
        overdue = self._clock() >= begun + timedelta(seconds=_drain_seconds(pool) + MARGIN)
        if overdue:
            await self._force(key)
        elif await self._drain(key):
            return LOOK
        await self._set(pool, [one for one in metadata["finalizers"] if one != names.FINALIZER])
        self._begun.pop(metadata["uid"], None)
        logger.info("%s: gone%s", key, ", by force" if overdue else "")
        return None

    async def _drain(self, key: Key) -> bool:
        """Proxies go first; returns whether anything is left."""
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
        """The time is up: let what still runs go at once, and wait for nothing.

        A kubelet heeds no shorter grace period once it is ending a pod: only without any is the pod gone.
        """
        for pod in await self._cluster.list(POD, key.namespace, labels=names.selector(key.name)):
            logger.warning("%s: pod %s did not end in time: ended by force", key, pod["metadata"]["name"])
            await self._cluster.delete(POD, key.namespace, pod["metadata"]["name"], grace=0)
        await self._delete_children(key)

    async def _set(self, pool: Object, finalizers: list[str]) -> None:
        """If somebody was faster, the event of that brings us back here."""
        metadata = pool["metadata"]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        written = await self._cluster.merge(TYREX_POOL, metadata["namespace"], metadata["name"], patch)
        if written is not None and not written["metadata"].get("deletionTimestamp"):
            metadata.update(written["metadata"])


def _drain_seconds(pool: Object) -> float:
    """`timeouts.drain`, also of a spec that is invalid otherwise."""
    spec = pool.get("spec")
    timeouts = spec.get("timeouts") if isinstance(spec, dict) else None
    drain = timeouts.get("drain") if isinstance(timeouts, dict) else None
    try:
        return float(parse_duration(drain)) if isinstance(drain, str) else float(Timeouts().drain)
    except ValueError:
        return float(Timeouts().drain)
