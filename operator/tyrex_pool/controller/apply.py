"""Makes a pool's children what the plan says; objects that belong to others are never changed."""

import logging
from collections.abc import Mapping

from tyrex_pool.cluster.errors import ClusterError, Conflict
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.store import Store
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import BY_NAME
from tyrex_pool.plan.declared_pool import Manifest, Ref
from tyrex_pool.plan.diff import Action, Delete, diff
from tyrex_pool.plan.reasons import Reason

_INVALID = 422
_UNKNOWN_FIELD = "typed patch object"
"""In the API server's message, with status 500, about a field that a kind does not have."""
_WEBHOOK = "failed calling webhook"
"""In its message, with status 500, about an admission webhook that does not answer: nobody is told otherwise."""

logger = logging.getLogger("tyrex_pool")


class RefusedError(Exception):
    """The spec cannot be applied; `reason` is for the conditions of the status."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = Reason(reason, message)

    def __str__(self) -> str:
        return self.reason.message


class Applier:
    """One for all pools. Remembers what it applied, so that a manifest that the API server changes is applied once."""

    def __init__(self, cluster: ClusterApi, store: Store) -> None:
        self._cluster = cluster
        self._store = store
        self._applied: dict[Key, dict[Ref, tuple[Manifest, str]]] = {}

    async def apply(self, key: Key, desired: Mapping[Ref, Manifest | None], uid: str) -> None:
        """Do the actions of `diff`; `uid` is the pool's.

        Raises RefusedError when a retry cannot help, since the API server refuses a manifest or another owner has an
        object of that name; else ClusterError.
        """
        for action in diff(desired, self._observed(key, desired)):
            logger.info("%s: %s", key, action)
            try:
                await self._do(key, action, uid)
            except ClusterError as error:
                where = f"{action.ref.kind} {action.ref.name}"
                if not _is_refusal(error):
                    raise
                raise RefusedError("ApplyFailed", f"{where}: {error.message}") from error

    def pending(self, key: Key, desired: Mapping[Ref, Manifest | None]) -> list[str]:
        """What `apply` would change, as `Deployment p-runtime`."""
        actions = diff(desired, self._observed(key, desired))
        return [f"{action.ref.kind} {action.ref.name}" for action in actions]

    def forget(self, key: Key) -> None:
        """The pool does not exist any more."""
        self._applied.pop(key, None)

    def _observed(self, key: Key, desired: Mapping[Ref, Manifest | None]) -> dict[Ref, Object]:
        """The children in the store; one that is unchanged since this very manifest was applied counts as the manifest.

        The API server may store a value in another form, and a difference that an apply does not end would be applied
        for ever.
        """
        observed: dict[Ref, Object] = {}
        applied = self._applied.get(key, {})
        for ref, item in self._store.children.get(key, {}).items():
            manifest, version = applied.get(ref, (None, ""))
            settled = version == item["metadata"]["resourceVersion"] and manifest == desired.get(ref)
            observed[ref] = manifest if settled and manifest is not None else item
        return observed

    async def _do(self, key: Key, action: Action, uid: str) -> None:
        kind = BY_NAME[action.ref.api_version, action.ref.kind]
        if isinstance(action, Delete):
            await self._cluster.delete(kind, key.namespace, action.ref.name)
            return
        if action.ref not in self._store.children.get(key, {}):
            await self._check_owner(key, action.ref, uid)
        written = await self._write(key, action.ref, action.manifest)
        self._store.set_child(written)
        self._applied.setdefault(key, {})[action.ref] = (action.manifest, written["metadata"]["resourceVersion"])

    async def _write(self, key: Key, ref: Ref, manifest: Manifest) -> Object:
        """Apply. Where the result is invalid, replace the lists first: to an apply, a port whose number was edited is
        another port, and both would be left.
        """
        try:
            return await self._cluster.apply(manifest)
        except ClusterError as error:
            if error.status != _INVALID or ref not in self._store.children.get(key, {}):
                raise
            await self._cluster.merge(BY_NAME[ref.api_version, ref.kind], key.namespace, ref.name, manifest)
            return await self._cluster.apply(manifest)

    async def _check_owner(self, key: Key, ref: Ref, uid: str) -> None:
        """Raises RefusedError when an object of this name exists and does not belong to the pool."""
        found = await self._cluster.get(BY_NAME[ref.api_version, ref.kind], key.namespace, ref.name)
        if found is None:
            return
        owners = [owner["uid"] for owner in found["metadata"].get("ownerReferences", ()) if owner.get("controller")]
        orphan = not owners and found["metadata"].get("labels", {}).get(names.LABEL_POOL) == key.name
        if owners != [uid] and not orphan:
            problem = f"{ref.kind} {ref.name} is there already and belongs to somebody else"
            raise RefusedError("ApplyFailed", f"{problem}: delete it, or give the pool another name")


def _is_refusal(error: ClusterError) -> bool:
    """Whether a retry of the same manifest would be refused again."""
    transient = isinstance(error, Conflict) or error.status in (0, 429) or error.status >= 500
    return not transient or any(text in error.message for text in (_UNKNOWN_FIELD, _WEBHOOK))
