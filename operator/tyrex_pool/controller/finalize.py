"""Sets the finalizer; deletes a pool's children before the pool: the proxies first, so that evals in flight end; then
every child; then the finalizer.

No deletion is blocked for ever: past the deadline the pods that should have ended are deleted without a grace period.
What does not belong to the pool, or not any more (`--cascade=orphan`), stays.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.own_pods import OwnPods
from tyrex_pool.controller.store import Store, key_of, ref_to
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.durations import parse_duration
from tyrex_pool.model.kinds import BY_NAME, DEPLOYMENT, POD, TYREX_POOL
from tyrex_pool.model.spec import Timeouts
from tyrex_pool.plan.children import gone
from tyrex_pool.plan.declared_pool import Ref
from tyrex_pool.plan.diff import diff
from tyrex_pool.plan.ownership import Holder, held, holder, orphans

MARGIN = 10.0
"""Seconds that a deletion may take on top of `timeouts.drain`."""
CHECK_INTERVAL = 0.3
"""Seconds between checks of what is left."""

logger = logging.getLogger("tyrex_pool")


class Finalizer:
    """The deadline counts from the first call of `finalize` for a pool, not from its deletionTimestamp: a pool that was
    deleted while no operator ran has not been drained yet.
    """

    def __init__(self, cluster: ClusterApi, store: Store, pods: OwnPods, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._store = store
        self._pods = pods
        self._clock = clock
        self._started: dict[str, datetime] = {}

    @staticmethod
    def lacks(pool: Object) -> bool:
        """Whether the finalizer or a claim is to be set."""
        metadata = pool["metadata"]
        claimed = names.ANNOTATION_OPERATOR in metadata.get("annotations", {})
        return not claimed or names.FINALIZER not in metadata.get("finalizers", ())

    async def ensure(self, pool: Object, claim: str) -> None:
        """Set what the pool lacks: the finalizer, and the operator's claim. Raises ClusterError."""
        metadata = pool["metadata"]
        finalizers = metadata.get("finalizers", [])
        change: Object = {}
        if names.FINALIZER not in finalizers:
            change["finalizers"] = [*finalizers, names.FINALIZER]
        if names.ANNOTATION_OPERATOR not in metadata.get("annotations", {}):
            change["annotations"] = {names.ANNOTATION_OPERATOR: claim}
        await self._change(pool, change)

    async def take_over(self, pool: Object, claim: str) -> None:
        """Replace the claim of another operator, if the pool has one. Raises ClusterError."""
        former = pool["metadata"].get("annotations", {}).get(names.ANNOTATION_OPERATOR, claim)
        if former != claim:
            logger.info("%s: taken over from operator %s, which is gone or does not follow it", key_of(pool), former)
            await self._change(pool, {"annotations": {names.ANNOTATION_OPERATOR: claim}})

    async def finalize(self, pool: Object) -> float | None:
        """Do one step; returns the seconds until the next one, None at the end. Raises ClusterError."""
        metadata = pool["metadata"]
        if names.FINALIZER not in metadata.get("finalizers", ()):
            return None
        key, uid = key_of(pool), metadata["uid"]
        if await self._leaves_children(key, metadata):
            await self._let_go(pool, ", its objects stay")
            return None
        started = self._started.setdefault(uid, self._clock())
        if self._clock() >= started + timedelta(seconds=_drain_seconds(pool) + MARGIN):
            await self._force(key, uid)
            await self._let_go(pool, ", by force")
        elif await self._drain(key, uid):
            return CHECK_INTERVAL
        else:
            await self._let_go(pool)
        return None

    async def _leaves_children(self, key: Key, metadata: Object) -> bool:
        """Whether the pool was deleted with `--cascade=orphan`.

        Kubernetes may have finished that before this operator saw it. The Deployment then has no owner any more, and
        the store may not know it yet.
        """
        if orphans(metadata):
            return True
        if metadata["uid"] in self._started:
            return False
        found = await self._cluster.get(DEPLOYMENT, key.namespace, names.proxy_deployment(key.name))
        return found is not None and holder(found, key.name, metadata["uid"]) is Holder.FREE

    async def _drain(self, key: Key, uid: str) -> bool:
        """Delete the proxies, and the other children when no proxy is left; returns whether anything is left."""
        proxies = ref_to(DEPLOYMENT, names.proxy_deployment(key.name))
        deployment = self._children(key, uid).get(proxies)
        if deployment is not None and deployment["spec"].get("replicas", 1) > 0:
            logger.info("%s: draining", key)
            await self._cluster.merge(DEPLOYMENT, key.namespace, proxies.name, {"spec": {"replicas": 0}})
            return True
        if await self._pods.list(key, uid, names.COMPONENT_PROXY):
            return True
        await self._delete_children(key, uid)
        return bool(await self._pods.list(key, uid) or self._children(key, uid))

    def _children(self, key: Key, uid: str) -> dict[Ref, Object]:
        return held(self._store.children.get(key, {}), key.name, uid)

    async def _delete_children(self, key: Key, uid: str) -> None:
        for action in diff(gone(key.name), self._children(key, uid)):
            kind = BY_NAME[action.ref.api_version, action.ref.kind]
            await self._cluster.delete(kind, key.namespace, action.ref.name)

    async def _force(self, key: Key, uid: str) -> None:
        """Delete everything at once, and wait for nothing. Pods that nobody has asked to end yet end by themselves.

        A kubelet that already ends a pod ignores a shorter grace period: only a grace period of 0 removes the pod.
        """
        for pod in await self._pods.list(key, uid):
            if pod["metadata"].get("deletionTimestamp"):
                logger.warning("%s: pod %s did not end in time: ended by force", key, pod["metadata"]["name"])
                await self._cluster.delete(POD, key.namespace, pod["metadata"]["name"], grace=0)
        await self._delete_children(key, uid)

    async def _let_go(self, pool: Object, how: str = "") -> None:
        metadata = pool["metadata"]
        finalizers = [name for name in metadata["finalizers"] if name != names.FINALIZER]
        await self._change(pool, {"finalizers": finalizers})
        self._started.pop(metadata["uid"], None)
        logger.info("%s: gone%s", key_of(pool), how)

    async def _change(self, pool: Object, change: Object) -> None:
        """Raises Conflict when the pool has changed meanwhile: it is reconciled again then."""
        metadata = pool["metadata"]
        patch = {"metadata": {**change, "resourceVersion": metadata["resourceVersion"]}}
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
