"""What the pods of runtimes and of proxies have in common: how they are shut in, looked after, started and ended."""

from dataclasses import dataclass, field
from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.spec import Component
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import labels, selector
from tyrex_pool.plan.overlay import laid_over

USER: Final = 65_532
"""`nonroot` of the common base images; both Containerfiles have it."""
SETTLE: Final = 3
"""Seconds between the end of a pod's membership in its Service and its SIGTERM, for others to hear of it."""
_ENDING: Final = 5
"""Seconds that a process may take to end when it has drained."""
_SHORTEST_GRACE: Final = 60

_TEMPORARY: Final = "tmp"


@dataclass(frozen=True, slots=True)
class Workload:
    """How one component's pods differ from the other's. `container` and `pod` are laid over what both have."""

    component: str
    settings: Component
    image: str
    replicas: int
    surge: int | str
    resources: Manifest
    container: Manifest
    pod: Manifest
    annotations: dict[str, str] = field(default_factory=dict)


def deployment(pool: DeclaredPool, platform: Platform, workload: Workload) -> Manifest:
    """A Deployment without its head."""
    metadata: Manifest = {"labels": labels(pool.name, workload.component)}
    if workload.annotations:
        metadata["annotations"] = workload.annotations
    return {
        "spec": {
            "replicas": workload.replicas,
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": selector(pool.name, workload.component)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": workload.surge},
            },
            "template": {"metadata": metadata, "spec": _pod(platform, workload, grace(pool.spec.timeouts.drain))},
        }
    }


def grace(drain: float) -> int:
    """Seconds that a pod has to end, when it may take `drain` seconds to end its evals: 60, 120, 240 and so on.

    In steps, since another value is another pod. Not just a high one: a namespace that goes looks after its pods
    again when half of it has passed, and a container that does not heed SIGTERM has all of it.
    """
    seconds = _SHORTEST_GRACE
    while seconds < SETTLE + drain + _ENDING:
        seconds *= 2
    return seconds


def _pod(platform: Platform, workload: Workload, grace: int) -> Manifest:
    """Ours, then what belongs to the component, then what the user lays over it."""
    container = laid_over(_container(platform, workload), workload.container)
    pod: Manifest = {
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": _TEMPORARY, "emptyDir": {}}],
    }
    if platform.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in platform.image_pull_secrets]
    ours: Manifest = laid_over(pod, workload.pod)
    whole: Manifest = laid_over(ours, workload.settings.pod)
    return whole


def _container(platform: Platform, workload: Workload) -> Manifest:
    settings = workload.settings
    container: Manifest = {
        "name": workload.component,
        "image": settings.image or workload.image,
        "ports": [
            {"name": names.PORT_HTTP, "containerPort": names.SERVE_PORT, "protocol": "TCP"},
            {"name": names.PORT_ADMIN, "containerPort": names.ADMIN_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": _probe(names.PATH_READY, period=2, failures=2),
        "livenessProbe": _probe(names.PATH_HEALTH, period=10, failures=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": SETTLE}}},
        "resources": laid_over({}, settings.resources) or workload.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": _TEMPORARY, "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }
    policy = settings.image_pull_policy or platform.image_pull_policy
    return container if policy is None else {**container, "imagePullPolicy": policy}


def _probe(path: str, period: int, failures: int) -> Manifest:
    """Guests may take all the CPU that the node lets them have: an answer may be late without anything being wrong."""
    get = {"path": path, "port": names.PORT_ADMIN}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}
