"""Reconciles a pool: parse the spec, plan, diff, apply, observe, write the status.

Level-triggered: the outcome does not depend on what changed, so a pool may be reconciled at any time and any number of
times.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tyrex_pool.cluster.errors import NotFound
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller import diagnosis, events
from tyrex_pool.controller.apply import Applier, RefusedError
from tyrex_pool.controller.claims import RECHECK, Claims
from tyrex_pool.controller.contention import Contention, Place
from tyrex_pool.controller.declarations import Declarations
from tyrex_pool.controller.finalize import Finalizer
from tyrex_pool.controller.own_pods import OwnPods
from tyrex_pool.controller.proxy_probe import ProxyProbe
from tyrex_pool.controller.store import Store, key_of, ref_to
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import DEPLOYMENT, SERVICE, TYREX_POOL
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan import kept_spec
from tyrex_pool.plan.declared_pool import Platform, Ref
from tyrex_pool.plan.deno_flags import deno_flags
from tyrex_pool.plan.observation import Observation, Rollout, service_problem
from tyrex_pool.plan.ownership import Holder, held, holder, orphans
from tyrex_pool.plan.reasons import CONTESTED, INVALID_SPEC, NO_PROXIES, PAUSED, READY, Reason
from tyrex_pool.plan.status import Subject, condition, decide, is_paused

FIRST_PAUSE = 0.5
"""Seconds until a pool whose status has changed, and that is not Ready, is reconciled again."""
LONGEST_PAUSE = 10.0
"""Seconds between reconciliations of a pool that is not Ready and does not change."""
_RESTING = frozenset({INVALID_SPEC, NO_PROXIES, PAUSED})
"""Reasons of Ready=False that only a change of the pool or its objects can end, which the watches report."""

logger = logging.getLogger("tyrex_pool")


def utc_now() -> datetime:
    """The time of day, for timestamps."""
    return datetime.now(UTC)


class Reconciler:
    """One for all pools; the work queue calls `reconcile`. `claim`: what marks this operator's pools; `clock`: the time
    of day, with time zone. Make it in a running loop.
    """

    def __init__(
        self,
        cluster: ClusterApi,
        store: Store,
        platform: Platform,
        proxies: ProxyProbe,
        claim: str,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._proxies = proxies
        self._clock = clock
        self._contention = Contention()
        self._declarations = Declarations(cluster, store, platform)
        self._applier = Applier(cluster, store, self._contention)
        self._pods = OwnPods(cluster, store)
        self._finalizer = Finalizer(cluster, store, self._pods, clock)
        self._claims = Claims(cluster, claim, asyncio.get_running_loop().time)
        self._pauses: dict[Key, float] = {}
        self._warned: dict[Key, frozenset[str]] = {}
        """What got an event, but for conditions."""
        self._reported: dict[Key, Object] = {}
        """The status that was written last."""

    async def reconcile(self, key: Key) -> float | None:
        """Returns the seconds after which to reconcile again, None: on the next change. Raises ClusterError."""
        raw = self._store.pools.get(key)
        if raw is None:
            self._forget(key)
            return None
        if self._has_lost_a_child(key, raw):
            raw = await self._read_again(key)
            if raw is None:
                return FIRST_PAUSE  # the watch reports that it is gone
        if (rival := await self._claims.rival(raw)) is not None:
            await self._warn(key, raw, {rival: Reason("OtherOperator", _keeps_off(key, self._claims.own, rival))})
            return RECHECK
        await self._finalizer.take_over(raw, self._claims.own)
        if raw["metadata"].get("deletionTimestamp"):
            if not orphans(raw["metadata"]):
                await self._write_status(raw, self._rollouts(key, raw), _subject(raw, None, deleting=True))
            return await self._finalizer.finalize(self._store.pools.get(key, raw))
        subject, wait = await self._apply_spec(key, raw)
        changed = await self._write_status(raw, await self._observe(key, raw), subject)
        return min((time for time in (self._pause(key, changed), wait) if time is not None), default=None)

    def _has_lost_a_child(self, key: Key, raw: Object) -> bool:
        """Whether a child has no owner: as while the pool is deleted with `--cascade=orphan`."""
        uid, children = raw["metadata"]["uid"], self._store.children.get(key, {})
        return any(holder(item, key.name, uid) is Holder.FREE for item in children.values())

    async def _read_again(self, key: Key) -> Object | None:
        """The pool as it is now. What children tell may come before what the pool tells, and one that is given an owner
        again, which goes, would go with it.
        """
        current = await self._cluster.get(TYREX_POOL, key.namespace, key.name)
        if current is not None:
            self._store.set_pool(current)
        return current

    async def _apply_spec(self, key: Key, raw: Object) -> tuple[Subject, float | None]:
        """Apply what differs from the plan. Returns also the seconds after which a field that others keep changing may
        be repaired.
        """
        paused, uid = is_paused(raw), raw["metadata"]["uid"]
        declared = await self._declarations.read(key, raw)
        failure, wait = declared.failure, None
        if declared.pool is None or declared.children is None:
            return _subject(raw, declared.spec, failure, paused), None
        if paused:
            pending = self._applier.pending(key, declared.children, uid) if failure is None else ()
            return _subject(raw, declared.spec, failure, paused, pending=pending), None
        if self._finalizer.lacks(raw) and self._may_repair(key, "metadata.finalizers"):
            await self._finalizer.ensure(raw, self._claims.own)
        try:
            wait = await self._applier.apply(key, declared.children, uid)
        except RefusedError as error:
            failure = failure or error.reason
        subject = _subject(raw, declared.spec, failure)
        if failure is None:
            self._declarations.applied(key, declared.pool)
            subject = replace(subject, applied_spec=kept_spec.note(raw.get("spec")))
        contested = dict(self._contested(key))
        await self._warn(key, raw, contested)
        return replace(subject, contested=next(iter(contested.values()), None)), wait

    def _may_repair(self, key: Key, field: str) -> bool:
        """Whether a field of the pool itself may be written now, which others may keep changing."""
        place = Place(Ref(names.API_VERSION, names.KIND, key.name), field)
        return not self._contention.wait(key, place, asyncio.get_running_loop().time())

    def _contested(self, key: Key) -> Iterator[tuple[str, Reason]]:
        """What others keep changing, by its place."""
        for place, repairs in self._contention.contested(key, asyncio.get_running_loop().time()):
            told = f"{place}: somebody has changed it after each of {repairs} repairs"
            advice = f"stop that, or pause the pool with the annotation {names.ANNOTATION_PAUSED}"
            yield str(place), Reason(CONTESTED, f"{told}: {advice}")

    async def _warn(self, key: Key, raw: Object, warnings: Mapping[str, Reason]) -> None:
        """Post an event for each of `warnings` that was not among those of the last time."""
        known = self._warned.get(key, frozenset())
        self._warned[key] = frozenset(warnings)
        for name, warning in warnings.items():
            if name not in known:
                logger.warning("%s: %s", key, warning.message)
                await events.post(self._cluster, raw, "Warning", *warning, self._clock())

    def _rollouts(self, key: Key, raw: Object) -> Observation:
        children = held(self._store.children.get(key, {}), key.name, raw["metadata"]["uid"])

        def rollout(name: str) -> Rollout | None:
            return Rollout.of(children.get(ref_to(DEPLOYMENT, name)))

        return Observation(
            rollout(names.runtime_deployment(key.name)),
            rollout(names.proxy_deployment(key.name)),
            service=service_problem(children.get(ref_to(SERVICE, names.proxy_service(key.name))), key.name),
        )

    async def _observe(self, key: Key, raw: Object) -> Observation:
        """The pods of runtimes, maybe a thousand, are listed only while not all of them are ready."""
        seen = self._rollouts(key, raw)
        if seen.runtimes is None and seen.proxies is None:
            return seen
        component = names.COMPONENT_PROXY if seen.runtimes is not None and seen.runtimes.settled else None
        pods = await self._pods.list(key, raw["metadata"]["uid"], component)
        proxies = [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_COMPONENT) == names.COMPONENT_PROXY]
        newest = diagnosis.newest_pods(pods, seen)
        replaced = frozenset(_names(pods)) - frozenset(_names(newest))
        troubles, reports, refused = await asyncio.gather(
            diagnosis.troubles(self._cluster, newest, self._clock()),
            self._proxies.reports(proxies),
            self._refused(key, seen),
        )
        return replace(seen, troubles=troubles, reports=reports, refused=refused, replaced=replaced)

    async def _refused(self, key: Key, seen: Observation) -> bool:
        """Whether the Service refuses connections although proxies are ready."""
        service = self._store.children[key].get(ref_to(SERVICE, names.proxy_service(key.name)))
        if service is None or seen.service is not None or seen.proxies is None or not seen.proxies.ready:
            return False
        return await self._proxies.refuses(service["spec"]["clusterIP"])

    async def _write_status(self, raw: Object, seen: Observation, subject: Subject) -> bool:
        """Write the status if it changed; returns whether it did."""
        before, time = raw.get("status", {}), self._clock()
        status = decide(subject, seen, before, time.strftime("%Y-%m-%dT%H:%M:%SZ"))
        if _has(before, status):
            return False
        key = key_of(raw)
        if not _has(before, self._reported.get(key, {})) and not self._may_repair(key, "status"):
            return False
        identity = {name: raw["metadata"][name] for name in ("name", "namespace", "uid")}
        manifest = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": identity, "status": status}
        try:
            written = await self._cluster.apply(manifest, subresource="status")
        except NotFound:
            return False  # the pool was deleted: the watch reports that too
        self._store.set_pool(written)
        self._reported[key] = status
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
        self._warned.pop(key, None)
        self._reported.pop(key, None)
        for part in (self._declarations, self._applier, self._pods, self._claims, self._store):
            part.forget(key)


def _has(status: Object, fields: Object) -> bool:
    return all(status.get(name) == value for name, value in fields.items())


def _keeps_off(key: Key, own: str, other: str) -> str:
    done = f"the pool belongs to the operator with Lease {other}, so the one with Lease {own} leaves it alone"
    hand_over = f"kubectl annotate {names.SHORT_NAME}/{key.name} --overwrite {names.ANNOTATION_OPERATOR}={own}"
    return f"{done}: let one operator watch a namespace; to hand the pool over: {hand_over}"


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
