"""The pods of a pool's own Deployments. Everybody can give a pod our labels, so owners decide, not labels."""

from collections import defaultdict

from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.store import Store, ref_to
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import DEPLOYMENT, POD, REPLICA_SET
from tyrex_pool.plan.ownership import Holder, controller, finished, holder


class OwnPods:
    """One for all pools. Remembers the ReplicaSets of each, since their pods may outlast them."""

    def __init__(self, cluster: ClusterApi, store: Store) -> None:
        self._cluster = cluster
        self._store = store
        self._sets: defaultdict[Key, set[str]] = defaultdict(set)

    async def list(self, key: Key, uid: str, component: str | None = None) -> list[Object]:
        """Those that run, start or end, of one component or of both; `uid` is the pool's. Raises ClusterError."""
        found = await self._cluster.list(POD, key.namespace, labels=names.selector(key.name, component))
        pods = [(pod, owner) for pod in found if not finished(pod) and (owner := _replica_set(pod)) is not None]
        if any(owner["uid"] not in self._sets[key] for _, owner in pods):
            present = await self._learn(key, uid)
        else:
            present = set()
        return [pod for pod, owner in pods if self._is_own(key, owner, present)]

    def forget(self, key: Key) -> None:
        """The pool does not exist any more."""
        self._sets.pop(key, None)

    async def _learn(self, key: Key, uid: str) -> set[str]:
        """Find the pool's ReplicaSets; returns the UIDs of all that have its labels."""
        sets = await self._cluster.list(REPLICA_SET, key.namespace, labels=names.selector(key.name))
        self._sets[key] |= {one["metadata"]["uid"] for one in sets if self._is_of_pool(key, uid, one)}
        return {one["metadata"]["uid"] for one in sets}

    def _is_of_pool(self, key: Key, uid: str, replica_set: Object) -> bool:
        """By the UID of its Deployment, which may be deleted already: by its name then."""
        owner = controller(replica_set)
        if owner is None or owner.get("kind") != DEPLOYMENT.name:
            return False
        children = self._store.children.get(key, {})
        deployment = children.get(ref_to(DEPLOYMENT, owner["name"]))
        if deployment is None:
            return owner["name"] in _deployments(key)
        own = holder(deployment, key.name, uid) is Holder.POOL
        return own and bool(deployment["metadata"]["uid"] == owner["uid"])

    def _is_own(self, key: Key, owner: Object, present: set[str]) -> bool:
        """A ReplicaSet that was gone before this operator saw it is known by its name alone."""
        if owner["uid"] in self._sets[key]:
            return True
        return owner["uid"] not in present and owner["name"].rpartition("-")[0] in _deployments(key)


def _deployments(key: Key) -> tuple[str, str]:
    return names.runtime_deployment(key.name), names.proxy_deployment(key.name)


def _replica_set(pod: Object) -> Object | None:
    owner = controller(pod)
    return dict(owner) if owner is not None and owner.get("kind") == REPLICA_SET.name else None
