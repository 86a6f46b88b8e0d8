"""Finds out why pods do not run: from their status, and from the events of one that says nothing."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.model import names
from tyrex_pool.model.kinds import EVENT
from tyrex_pool.plan.observation import Observation
from tyrex_pool.plan.pod_troubles import PodTrouble, newest, silent, trouble, trouble_from_events


def newest_pods(pods: Sequence[Object], seen: Observation) -> list[Object]:
    """Those of `pods` that were made from the newest template of their Deployment."""
    found: list[Object] = []
    for component, rollout in ((names.COMPONENT_RUNTIME, seen.runtimes), (names.COMPONENT_PROXY, seen.proxies)):
        mine = [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_COMPONENT) == component]
        found += newest(mine, rollout.updated if rollout is not None else 0)
    return found


async def troubles(cluster: ClusterApi, pods: Sequence[Object], now: datetime) -> list[PodTrouble]:
    """Why `pods` do not run. Costs a request only when a pod waits and its status does not say for what."""
    found = [problem for problem in (trouble(pod, now) for pod in pods) if problem is not None]
    if found or (pod := silent(pods, now)) is None:
        return found
    problem = trouble_from_events(pod, await _warnings(cluster, pod))
    return [problem] if problem is not None else []


async def _warnings(cluster: ClusterApi, pod: Object) -> list[Object]:
    """Empty when they cannot be read: a status without them is better than none."""
    metadata = pod["metadata"]
    with suppress(ClusterError):
        chosen = f"involvedObject.uid={metadata['uid']},type=Warning"
        return await cluster.list(EVENT, metadata["namespace"], fields=chosen)
    return []
