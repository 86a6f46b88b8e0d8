"""Makes a pool's children what the plan says; objects that belong to others are never changed."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from tyrex_pool.cluster.errors import ClusterError, Conflict
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.contention import Contention, Place
from tyrex_pool.controller.store import Store
from tyrex_pool.controller.turns import Key
from tyrex_pool.model.kinds import BY_NAME, DEPLOYMENT
from tyrex_pool.plan.declared_pool import Manifest, Ref
from tyrex_pool.plan.diff import Action, Apply, Delete, diff, different, removal
from tyrex_pool.plan.ownership import Holder, holder
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


@dataclass(frozen=True, slots=True)
class _Written:
    """`left`: the differences that an apply of `manifest` did not end."""

    manifest: Manifest
    left: frozenset[str]


class Applier:
    """One for all pools. Remembers what it applied, so that a manifest that the API server changes is applied once."""

    def __init__(self, cluster: ClusterApi, store: Store, contention: Contention) -> None:
        self._cluster = cluster
        self._store = store
        self._contention = contention
        self._written: dict[Key, dict[Ref, _Written]] = {}

    async def apply(self, key: Key, desired: Mapping[Ref, Manifest | None], uid: str) -> float | None:
        """Do the actions of `diff`; `uid` is the pool's. Returns the seconds after which to go on, None: all is done.

        Raises RefusedError when a retry cannot help, since the API server refuses a manifest or another owner has an
        object of that name. Everything else is applied nevertheless, but no other pods are started: they need all that
        comes before them. Other errors are raised as ClusterError at once.
        """
        refused: RefusedError | None = None
        waits: list[float] = []
        for action in diff(desired, self._children(key, uid), self._left(key, desired)):
            if wait := self._wait(key, action):
                waits.append(wait)
                continue
            logger.info("%s: %s", key, action)
            try:
                if refused is not None and self._starts_other_pods(key, action):
                    await self._keep_pods(key, action, uid)
                else:
                    await self._do(key, action, uid)
            except RefusedError as error:
                refused = refused or error
            except ClusterError as error:
                if not _is_refusal(error):
                    raise
                where = f"{action.ref.kind} {action.ref.name}"
                refused = refused or RefusedError("ApplyFailed", f"{where}: {error.message}")
        if refused is not None:
            raise refused
        return min(waits, default=None)

    def pending(self, key: Key, desired: Mapping[Ref, Manifest | None], uid: str) -> list[str]:
        """What `apply` would change, as `Deployment p-runtime`."""
        actions = diff(desired, self._children(key, uid), self._left(key, desired))
        return [f"{action.ref.kind} {action.ref.name}" for action in actions]

    def forget(self, key: Key) -> None:
        """The pool does not exist any more."""
        self._written.pop(key, None)
        self._contention.forget(key)

    def _children(self, key: Key, uid: str) -> dict[Ref, Object]:
        """Without those that have our labels and another owner."""
        children = self._store.children.get(key, {})
        return {ref: item for ref, item in children.items() if holder(item, key.name, uid) is not Holder.OTHER}

    def _left(self, key: Key, desired: Mapping[Ref, Manifest | None]) -> dict[Ref, frozenset[str]]:
        """The API server may store a value in another form, and a difference that an apply does not end would be
        applied for ever.
        """
        written = self._written.get(key, {})
        return {ref: one.left for ref, one in written.items() if one.manifest == desired.get(ref)}

    def _wait(self, key: Key, action: Action) -> float:
        """The seconds that a repair has to wait. What the plan has changed since is not a repair."""
        field = ""
        if isinstance(action, Apply):
            written, field = self._written.get(key, {}).get(action.ref), action.field
            if written is None or written.manifest != action.manifest:
                self._contention.forget(key, action.ref)
                return 0.0
        return self._contention.wait(key, Place(action.ref, field), asyncio.get_running_loop().time())

    async def _do(self, key: Key, action: Action, uid: str) -> None:
        if isinstance(action, Delete):
            await self._cluster.delete(BY_NAME[action.ref.api_version, action.ref.kind], key.namespace, action.ref.name)
            self._written.get(key, {}).pop(action.ref, None)
            return
        if action.ref not in self._children(key, uid):
            await self._check_owner(key, action.ref, uid)
        written = await self._write(key, action.ref, action.manifest)
        self._store.set_child(written)
        left = frozenset(one.text for one in different(action.manifest, written))
        self._written.setdefault(key, {})[action.ref] = _Written(action.manifest, left)

    async def _write(self, key: Key, ref: Ref, manifest: Manifest) -> Object:
        """Apply, and remove what others have added. Where the result is invalid, replace the lists first: to an apply,
        a port whose number was edited is another port, and both would be left.
        """
        try:
            written = await self._cluster.apply(manifest)
        except ClusterError as error:
            present = self._store.children.get(key, {}).get(ref)
            if error.status != _INVALID or present is None:
                raise
            patch = {**manifest, **(removal(manifest, present) or {})}
            await self._cluster.merge(BY_NAME[ref.api_version, ref.kind], key.namespace, ref.name, patch)
            written = await self._cluster.apply(manifest)
        if (extra := removal(manifest, written)) is None:
            return written
        kind = BY_NAME[ref.api_version, ref.kind]
        return await self._cluster.merge(kind, key.namespace, ref.name, extra) or written

    def _starts_other_pods(self, key: Key, action: Action) -> bool:
        """Whether the action changes more of a Deployment than what was applied before and somebody has edited."""
        if isinstance(action, Delete) or action.ref.kind != DEPLOYMENT.name:
            return False
        written = self._written.get(key, {}).get(action.ref)
        template = action.manifest["spec"]["template"]
        return written is None or bool(written.manifest["spec"]["template"] != template)

    async def _keep_pods(self, key: Key, action: Action, uid: str) -> None:
        """Of a Deployment that may not start other pods, apply what was applied before, with the new number of pods.

        An operator that does not know what that was only changes the number.
        """
        if isinstance(action, Delete):
            return
        replicas = action.manifest["spec"]["replicas"]
        written = self._written.get(key, {}).get(action.ref)
        present = self._children(key, uid).get(action.ref)
        if written is not None:
            former = {**written.manifest, "spec": {**written.manifest["spec"], "replicas": replicas}}
            if diff({action.ref: former}, {} if present is None else {action.ref: present}, {action.ref: written.left}):
                await self._do(key, Apply(action.ref, former, action.reason), uid)
        elif present is not None and present["spec"].get("replicas", 1) != replicas:
            patch = {"spec": {"replicas": replicas}}
            await self._cluster.merge(DEPLOYMENT, key.namespace, action.ref.name, patch)

    async def _check_owner(self, key: Key, ref: Ref, uid: str) -> None:
        """Raises RefusedError when an object of this name exists and does not belong to the pool."""
        found = await self._cluster.get(BY_NAME[ref.api_version, ref.kind], key.namespace, ref.name)
        if found is not None and holder(found, key.name, uid) is Holder.OTHER:
            problem = f"{ref.kind} {ref.name} is there already and belongs to somebody else"
            raise RefusedError("ApplyFailed", f"{problem}: delete it, or give the pool another name")


def _is_refusal(error: ClusterError) -> bool:
    """Whether a retry of the same manifest would be refused again."""
    transient = isinstance(error, Conflict) or error.status in (0, 429) or error.status >= 500
    return not transient or any(text in error.message for text in (_UNKNOWN_FIELD, _WEBHOOK))
