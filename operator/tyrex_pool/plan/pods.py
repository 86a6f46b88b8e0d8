"""What the pods of runtimes and of proxies have in common: security, probes, volumes, start and end."""

from dataclasses import dataclass, field
from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.components import Component, PodDefaults
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import labels, selector
from tyrex_pool.plan.overlay import laid_over

USER: Final = 65_532
"""`nonroot` of the common base images; both Containerfiles have it."""
SETTLE: Final = 3
"""Seconds between the removal of a pod from its Service and its SIGTERM, in which all nodes learn of the removal."""
_ENDING: Final = 5
"""Seconds that a process may take to end when it has drained."""
_SHORTEST_GRACE: Final = 60

_SHARED: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
"""False by default, and written down: a field that we own comes back when somebody edits it."""
_TEMPORARY: Final = "tmp"
_EVICTABLE: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
"""Names the volumes on a node's disk that may be lost. Without it the cluster autoscaler removes no node with a pod of
ours; volumes that a user adds are not named, and go on keeping their node.
"""
_LOGS: Final = Bytes(128 << 20)
"""More than a node keeps of a container's log by default (50Mi): it counts as the container's disk."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What one component's pods have of their own; `container` and `pod` are laid over what both components have.

    `defaults`: the platform's for this component. `surge`: where the spec names none. `temporary`: the size
    of /tmp. A pod that exceeds it is evicted, before its node has no disk left for others.
    """

    component: str
    settings: Component
    defaults: PodDefaults
    image: str
    replicas: int
    surge: int | str
    resources: Manifest
    temporary: Bytes
    container: Manifest
    pod: Manifest
    annotations: dict[str, str] = field(default_factory=dict)


def deployment(pool: DeclaredPool, platform: Platform, workload: Workload) -> Manifest:
    """A Deployment without apiVersion, kind and metadata."""
    rollout = workload.settings.rollout
    surge = rollout.max_surge.wire if rollout.max_surge else workload.surge
    unavailable = rollout.max_unavailable.wire if rollout.max_unavailable else 0
    return {
        "spec": {
            "replicas": workload.replicas,
            "revisionHistoryLimit": 2,
            "paused": False,
            "selector": {"matchLabels": selector(pool.name, workload.component)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge},
            },
            "template": {
                "metadata": _metadata(pool, workload),
                "spec": _pod(platform, workload, grace(pool.spec.timeouts.drain)),
            },
        }
    }


def grace(drain: float) -> int:
    """The grace period of a pod, in seconds, when its evals may take `drain` seconds to end: 60, 120, 240 and so on.

    In steps, since another value replaces the pods. Not always a long one: the deletion of a namespace checks its pods
    again only after half of the period, and a container that ignores SIGTERM takes all of it.
    """
    seconds = _SHORTEST_GRACE
    while seconds < SETTLE + drain + _ENDING:
        seconds *= 2
    return seconds


def _metadata(pool: DeclaredPool, workload: Workload) -> Manifest:
    """Of the pods: the platform's, the user's over them, and our own over both."""
    chosen = (workload.defaults.pod_metadata, workload.settings.pod_metadata)
    merged: Manifest = {"labels": {}, "annotations": {_EVICTABLE: _TEMPORARY}}
    for one in chosen:
        merged["labels"] |= one.labels
        merged["annotations"] |= one.annotations
    merged["labels"] |= labels(pool.name, workload.component)
    merged["annotations"] |= workload.annotations
    return merged


def _pod(platform: Platform, workload: Workload, grace: int) -> Manifest:
    """The common part, then the component's, the platform's, and the user's from the spec."""
    container = laid_over(_container(platform, workload), workload.container)
    pod: Manifest = {
        **dict.fromkeys(_SHARED, False),
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            **({} if platform.assigns_users else {"runAsUser": USER, "runAsGroup": USER}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": _TEMPORARY, "emptyDir": {"sizeLimit": str(workload.temporary)}}],
    }
    if platform.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in platform.image_pull_secrets]
    ours: Manifest = laid_over(pod, workload.pod)
    whole: Manifest = laid_over(laid_over(ours, workload.defaults.pod), workload.settings.pod)
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
        "resources": laid_over({}, settings.resources) or laid_over(workload.resources, _disk(workload.temporary)),
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": []},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": _TEMPORARY, "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }
    policy = settings.image_pull_policy or platform.image_pull_policy
    return container if policy is None else {**container, "imagePullPolicy": policy}


def _disk(temporary: Bytes) -> Manifest:
    return {
        "requests": {"ephemeral-storage": "64Mi"},
        "limits": {"ephemeral-storage": str(Bytes(temporary + _LOGS))},
    }


def _probe(path: str, period: int, failures: int) -> Manifest:
    """The timeout is long: guests may use all CPU of the node, and delay the answer of a healthy pod."""
    get = {"path": path, "port": names.PORT_ADMIN}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}
