"""The observed state of a pool, parsed once from the API server's objects and the proxies' answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tyrex_pool.model import names
from tyrex_pool.plan.metadata import selector
from tyrex_pool.plan.pod_troubles import PodTrouble

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Deployment's numbers of wanted, existing and ready pods; `current`: all of them have the newest template."""

    wanted: int = 0
    present: int = 0
    ready: int = 0
    current: bool = False
    stuck: str | None = None
    """Why no pods can be created, from the Deployment's condition ReplicaFailure: a quota, a policy."""
    overdue: bool = False
    """Whether the Deployment has exceeded its progress deadline."""
    updated: int = 0
    """Pods of the newest template; 0 as long as the Deployment's controller has not seen it."""

    @classmethod
    def of(cls, deployment: Object | None) -> Self | None:
        """None when there is no Deployment."""
        if deployment is None:
            return None
        wanted = deployment["spec"].get("replicas", 1)
        status = deployment.get("status", {})
        present, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
        seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        updated = status.get("updatedReplicas", 0) if seen else 0
        current = seen and updated == wanted == present
        # Conditions of a Deployment whose newest spec was not seen yet are about what an edit may just have mended.
        conditions = {one["type"]: one for one in status.get("conditions", ())} if seen else {}
        failure = conditions.get("ReplicaFailure", {})
        progress = conditions.get("Progressing", {})
        stuck = failure.get("message") if failure.get("status") == "True" else None
        overdue = progress.get("reason") == "ProgressDeadlineExceeded"
        return cls(wanted, present, ready, current, stuck, overdue, updated)

    @property
    def settled(self) -> bool:
        return self.current and self.ready == self.wanted


@dataclass(frozen=True, slots=True)
class ProxyReport:
    """A proxy's answer to `GET /v1/pool`: the generation that it follows, and the runtimes that it reaches."""

    proxy: str
    generation: int | None
    strategy_error: str | None
    ready_runtimes: int
    failures: tuple[tuple[str, str], ...]
    """Names of runtimes that report that they cannot start, and why."""

    @classmethod
    def of(cls, proxy: str, answer: Object) -> Self:
        """Raises KeyError and TypeError when it is not the answer of a proxy."""
        failures = tuple(
            (one["name"], one["reason"] or "it does not start")
            for one in answer["runtimes"]
            if one["state"] == "Failed"
        )
        strategy_error = answer["strategy"].get("error")
        return cls(proxy, answer.get("generation"), strategy_error, answer["readyRuntimes"], failures)


@dataclass(frozen=True, slots=True)
class Observation:
    """`runtimes` and `proxies` are None when the Deployment does not exist; `reports` come from proxies that answered;
    `refused`: the Service that users call refuses connections; `service`: why it cannot lead to the proxies;
    `replaced`: names of pods of an older template.
    """

    runtimes: Rollout | None = None
    proxies: Rollout | None = None
    troubles: Sequence[PodTrouble] = ()
    reports: Sequence[ProxyReport] = ()
    refused: bool = False
    service: str | None = None
    replaced: frozenset[str] = frozenset()


def service_problem(service: Object | None, pool: str) -> str | None:
    """Why the Service that users call cannot lead to the proxies; None when it can."""
    name = names.proxy_service(pool)
    if service is None:
        return f"the pool has no Service {name}"
    spec = service["spec"]
    if spec.get("selector") != selector(pool, names.COMPONENT_PROXY):
        return f"Service {name} does not select the proxies"
    if all(port.get("port") != names.SERVICE_PORT for port in spec.get("ports", ())):
        return f"Service {name} has no port {names.SERVICE_PORT}"
    return None
