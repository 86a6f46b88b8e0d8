"""Brings a pool's children to what the plan says, and never touches what is somebody else's."""

import logging
from collections.abc import Mapping

from tyrex_pool.cluster.access import Cluster, ClusterError, Conflict, Object
from tyrex_pool.controller.queue import Key
from tyrex_pool.controller.store import Store
from tyrex_pool.model import names
from tyrex_pool.model.kinds import BY_NAME
from tyrex_pool.plan.declared_pool import Manifest, Ref
from tyrex_pool.plan.diff import Action, Delete, diff
from tyrex_pool.plan.status import Reason

_INVALID = 422
_TYPED = "typed patch object"
"""What the API server says, with status 500, of a field that a kind does not have."""

logger = logging.getLogger("tyrex_pool")


class RefusedError(Exception):
    """The spec cannot be written down; carries the reason for the status."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(reason, message)


class Applier:
    """One for all pools."""

    def __init__(self, cluster: Cluster, store: Store) -> None:
        self._cluster = cluster
        self._store = store
        self._applied: dict[Key, dict[Ref, tuple[Manifest, str]]] = {}

    async def apply(self, key: Key, desired: Mapping[Ref, Manifest | None], uid: str) -> None:
        """Do what `diff` says. Raises RefusedError when the API server will not have it, else ClusterError."""
        for action in diff(desired, self._observed(key, desired)):
            logger.info("%s: %s", key, action)
            try:
                await self._do(key, action, uid)
            except ClusterError as error:
                where = f"{action.ref.kind} {action.ref.name}"
                if not _is_refusal(error):
                    raise
                raise RefusedError("ApplyFailed", f"{where}: {error.message}") from error

    def forget(self, key: Key) -> None:
        self._applied.pop(key, None)

    def _observed(self, key: Key, desired: Mapping[Ref, Manifest | None]) -> dict[Ref, Object]:
        """What is there; a child that nobody changed since we applied this very manifest counts as the manifest.

        The API server may write things down in its own way, and a difference that applying does not end must not
        be applied for ever.
        """
        observed: dict[Ref, Object] = {}
        applied = self._applied.get(key, {})
        for one, item in self._store.children.get(key, {}).items():
            manifest, version = applied.get(one, (None, ""))
            settled = version == item["metadata"]["resourceVersion"] and manifest == desired.get(one)
            observed[one] = manifest if settled and manifest is not None else item
        return observed

    async def _do(self, key: Key, action: Action, uid: str) -> None:
        kind = BY_NAME[action.ref.api_version, action.ref.kind]
        if isinstance(action, Delete):
            await self._cluster.delete(kind, key.namespace, action.ref.name)
            return
        if action.ref not in self._store.children.get(key, {}):
            await self._check_ours(key, action.ref, uid)
        written = await self._written(key, action.ref, action.manifest)
        self._store.child_is(written)
        self._applied.setdefault(key, {})[action.ref] = (action.manifest, written["metadata"]["resourceVersion"])

    async def _written(self, key: Key, one: Ref, manifest: Manifest) -> Object:
        """Applied; where apply would leave a double (a port whose number was edited is another port to it), patched
        before, which replaces whole lists."""
        try:
            return await self._cluster.apply(manifest)
        except ClusterError as error:
            if error.status != _INVALID or one not in self._store.children.get(key, {}):
                raise
            kind = BY_NAME[one.api_version, one.kind]
            await self._cluster.merge(kind, key.namespace, one.name, manifest)
            return await self._cluster.apply(manifest)

    async def _check_ours(self, key: Key, one: Ref, uid: str) -> None:
        """An object of that name may be somebody else's. Raises RefusedError."""
        found = await self._cluster.get(BY_NAME[one.api_version, one.kind], key.namespace, one.name)
        if found is None:
            return
        owners = [owner["uid"] for owner in found["metadata"].get("ownerReferences", ()) if owner.get("controller")]
        orphan = not owners and found["metadata"].get("labels", {}).get(names.LABEL_POOL) == key.name
        if owners != [uid] and not orphan:
            problem = f"{one.kind} {one.name} is there already and belongs to somebody else"
            raise RefusedError("ApplyFailed", f"{problem}: delete it, or give the pool another name")


def _is_refusal(error: ClusterError) -> bool:
    """Whether the same again would be refused again: it is the manifest, not the moment."""
    passing = isinstance(error, Conflict) or error.status in (0, 429) or error.status >= 500
    return not passing or _TYPED in error.message
