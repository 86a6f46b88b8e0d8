"""The observed state of a pool, parsed once from the API server's objects and the proxies' answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from tyrex_pool.model import names
from tyrex_pool.plan.metadata import selector

Object = Mapping[str, Any]

_IMAGE: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CREATE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_CRASH: Final = "CrashLoopBackOff"


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

    @classmethod
    def of(cls, deployment: Object | None) -> Self | None:
        """None when there is no Deployment."""
        if deployment is None:
            return None
        wanted = deployment["spec"].get("replicas", 1)
        status = deployment.get("status", {})
        present, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
        seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        current = seen and status.get("updatedReplicas", 0) == wanted == present
        conditions = {one["type"]: one for one in status.get("conditions", ())}
        failure = conditions.get("ReplicaFailure", {})
        progress = conditions.get("Progressing", {})
        stuck = failure.get("message") if failure.get("status") == "True" else None
        return cls(wanted, present, ready, current, stuck, progress.get("reason") == "ProgressDeadlineExceeded")

    @property
    def settled(self) -> bool:
        return self.current and self.ready == self.wanted


@dataclass(frozen=True, slots=True)
class PodTrouble:
    """Why a pod does not run; `reason` is one of those of the condition Ready."""

    pod: str
    reason: str
    message: str


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
    `refused`: the Service that users call refuses connections; `service`: why it cannot lead to the proxies.
    """

    runtimes: Rollout | None = None
    proxies: Rollout | None = None
    troubles: Sequence[PodTrouble] = ()
    reports: Sequence[ProxyReport] = ()
    refused: bool = False
    service: str | None = None


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


def trouble(pod: Object) -> PodTrouble | None:
    """Why a pod does not run; None when it runs, starts, or is being deleted."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        return None
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return PodTrouble(name, "Unschedulable", condition.get("message", "no node takes it"))
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        found = _container_trouble(container)
        if found is not None:
            return PodTrouble(name, *found)
    return None


def _container_trouble(container: Object) -> tuple[str, str] | None:
    waiting = container.get("state", {}).get("waiting", {})
    reason = waiting.get("reason", "")
    if reason in _IMAGE:
        return "ImagePullFailed", f"{container['image']}: {waiting.get('message', reason)}"
    if reason in _CREATE:
        return "CrashLooping", f"{reason}: {waiting.get('message', '')}"
    if reason == _CRASH:
        return "CrashLooping", _ended(container)
    return None


def _ended(container: Object) -> str:
    """How the container has ended the last time."""
    last = container.get("lastState", {}).get("terminated", {})
    said = (last.get("message") or "").strip()
    ended = (
        f"its container {container['name']} ended with {last.get('reason', 'Error')} (exit code {last.get('exitCode')})"
    )
    restarts = f"{container.get('restartCount', 0)} restarts"
    return f"{ended}, {restarts}" + (f": {said}" if said else "; its log tells more")
