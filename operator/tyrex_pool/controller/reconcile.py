"""Reconciles a pool: parse the spec, plan, diff, apply, observe, write the status.

Level-triggered: the outcome does not depend on what changed, so a pool may be reconciled at any time and any number of
times.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from tyrex_pool.cluster.errors import NotFound
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller import diagnosis, events
from tyrex_pool.controller.apply import Applier, RefusedError
from tyrex_pool.controller.finalize import Finalizer
from tyrex_pool.controller.proxy_probe import ProxyProbe
from tyrex_pool.controller.store import Store, ref_to
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.config_maps import Files, files_of
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.kinds import CONFIG_MAP, DEPLOYMENT, POD, SERVICE
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.children import desired
from tyrex_pool.plan.declared_pool import DeclaredPool, Platform
from tyrex_pool.plan.deno_flags import deno_flags
from tyrex_pool.plan.observation import Observation, Rollout
from tyrex_pool.plan.reasons import INVALID_SPEC, NO_PROXIES, PAUSED, READY, Reason
from tyrex_pool.plan.status import Subject, condition, decide, is_paused

FIRST_PAUSE = 0.5
"""Seconds until a pool whose status has changed, and that is not Ready, is reconciled again."""
LONGEST_PAUSE = 10.0
"""Seconds between reconciliations of a pool that is not Ready and does not change."""
_RESTING = frozenset({INVALID_SPEC, NO_PROXIES, PAUSED})
"""Reasons of Ready=False that only a change of the pool or its objects can end, which the watches report."""


def utc_now() -> datetime:
    """The time of day, for timestamps."""
    return datetime.now(UTC)


class Reconciler:
    """One for all pools; the work queue calls `reconcile`. `clock`: the time of day, with time zone."""

    def __init__(
        self,
        cluster: ClusterApi,
        store: Store,
        platform: Platform,
        proxies: ProxyProbe,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._platform = platform
        self._proxies = proxies
        self._clock = clock
        self._applier = Applier(cluster, store)
        self._finalizer = Finalizer(cluster, store, clock)
        self._pauses: dict[Key, float] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Returns the seconds after which to reconcile again, None: on the next change. Raises ClusterError."""
        raw = self._store.pools.get(key)
        if raw is None:
            self._forget(key)
            return None
        if raw["metadata"].get("deletionTimestamp"):
            await self._write_status(raw, self._rollouts(key), _subject(raw, None, deleting=True))
            return await self._finalizer.finalize(self._store.pools.get(key, raw))
        subject = await self._apply_spec(key, raw)
        changed = await self._write_status(raw, await self._observe(key), subject)
        return self._pause(key, changed)

    async def _apply_spec(self, key: Key, raw: Object) -> Subject:
        """Apply what differs from the plan; the result has the reason when the spec cannot be applied."""
        spec: PoolSpec | None = None
        pending: Sequence[str] = ()
        paused = is_paused(raw)
        try:
            spec = PoolSpec.parse(raw.get("spec"))
            uid = raw["metadata"]["uid"]
            labels = raw["metadata"].get("labels", {})
            pool = DeclaredPool(key.name, key.namespace, uid, spec, await self._config_maps(key, spec), labels)
            wanted = desired(pool, self._platform)
            if paused:
                pending = self._applier.pending(key, wanted)
            else:
                await self._finalizer.ensure(raw)
                await self._applier.apply(key, wanted, uid)
        except InvalidSpec as error:
            return _subject(raw, spec, Reason(INVALID_SPEC, str(error)), paused)
        except RefusedError as error:
            return _subject(raw, spec, error.reason, paused)
        return _subject(raw, spec, None, paused, pending=pending)

    async def _config_maps(self, key: Key, spec: PoolSpec) -> dict[str, Files]:
        """The files of the main module's ConfigMap, by its name. The strategy's is read by the proxies alone.

        Raises RefusedError when the ConfigMap or its entrypoint is missing.
        """
        module = spec.main_module.config_map if spec.main_module else None
        custom = spec.strategy.custom
        references = (module, custom.config_map if custom else None)
        self._store.set_references(key, [reference.name for reference in references if reference])
        if module is None:
            return {}
        path = "spec.mainModule.configMap"
        found = await self._cluster.get(CONFIG_MAP, key.namespace, module.name)
        if found is None:
            raise RefusedError("ConfigMapNotFound", f"{path}.name: there is no ConfigMap {module.name}: create it")
        files = files_of(found, f"ConfigMap/{module.name}")
        if module.entrypoint not in files:
            wanted = f"write a key of ConfigMap {module.name} ({', '.join(sorted(files)) or 'it has none'})"
            raise RefusedError("ConfigMapNotFound", f"{path}.entrypoint: {wanted}, not {module.entrypoint}")
        return {module.name: files}

    def _rollouts(self, key: Key) -> Observation:
        children = self._store.children.get(key, {})

        def rollout(name: str) -> Rollout | None:
            return Rollout.of(children.get(ref_to(DEPLOYMENT, name)))

        return Observation(rollout(names.runtime_deployment(key.name)), rollout(names.proxy_deployment(key.name)))

    async def _observe(self, key: Key) -> Observation:
        """The pods of runtimes, maybe a thousand, are listed only while not all of them are ready."""
        seen = self._rollouts(key)
        if seen.runtimes is None and seen.proxies is None:
            return seen
        component = names.COMPONENT_PROXY if seen.runtimes is not None and seen.runtimes.settled else None
        pods = await self._cluster.list(POD, key.namespace, labels=names.selector(key.name, component))
        proxies = [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_COMPONENT) == names.COMPONENT_PROXY]
        newest = diagnosis.newest_pods(pods, seen)
        replaced = frozenset(_names(pods)) - frozenset(_names(newest))
        troubles, reports, refused = await asyncio.gather(
            diagnosis.troubles(self._cluster, newest, self._clock()),
            self._proxies.reports(proxies),
            self._refused(key, seen),
        )
        return Observation(seen.runtimes, seen.proxies, troubles, reports, refused, replaced)

    async def _refused(self, key: Key, seen: Observation) -> bool:
        """Whether the Service refuses connections although proxies are ready."""
        service = self._store.children[key].get(ref_to(SERVICE, names.proxy_service(key.name)))
        if service is None or seen.proxies is None or not seen.proxies.ready:
            return False
        return await self._proxies.refuses(service["spec"]["clusterIP"])

    async def _write_status(self, raw: Object, seen: Observation, subject: Subject) -> bool:
        """Write the status if it changed; returns whether it did."""
        before, time = raw.get("status", {}), self._clock()
        status = decide(subject, seen, before, time.strftime("%Y-%m-%dT%H:%M:%SZ"))
        if all(before.get(name) == value for name, value in status.items()):
            return False
        identity = {name: raw["metadata"][name] for name in ("name", "namespace", "uid")}
        manifest = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": identity, "status": status}
        try:
            written = await self._cluster.apply(manifest, subresource="status")
        except NotFound:
            return False  # the pool was deleted: the watch reports that too
        self._store.set_pool(written)
        if (news := events.news(before, status)) is not None:
            await events.post(self._cluster, written, *news, time)
        return True

    def _pause(self, key: Key, changed: bool) -> float | None:
        """A pool that is not Ready is reconciled again without a change, less and less often while nothing changes."""
        ready = condition(self._store.pools.get(key, {}).get("status", {}), READY)
        if ready.get("status") == "True" or ready.get("reason") in _RESTING:
            self._pauses.pop(key, None)
            return None
        pause = FIRST_PAUSE if changed else min(2 * self._pauses.get(key, FIRST_PAUSE / 2), LONGEST_PAUSE)
        self._pauses[key] = pause
        return pause

    def _forget(self, key: Key) -> None:
        self._pauses.pop(key, None)
        self._applier.forget(key)
        self._store.forget(key)


def _names(pods: Iterable[Object]) -> Iterator[str]:
    return (pod["metadata"]["name"] for pod in pods)


def _subject(
    raw: Object,
    spec: PoolSpec | None,
    failure: Reason | None = None,
    paused: bool = False,
    deleting: bool = False,
    pending: Sequence[str] = (),
) -> Subject:
    metadata = raw["metadata"]
    flags = deno_flags(spec.permissions, spec.limits.heap) if spec is not None else ()
    return Subject(
        metadata["name"], metadata["namespace"], metadata["generation"], spec, failure, paused, deleting, flags, pending
    )
