"""Pods at the `restricted` level of Pod Security, with a read-only root file system and an empty /tmp."""

from collections.abc import Mapping, Sequence
from typing import Any


def restricted_pod(
    name: str,
    namespace: str,
    image: str,
    argv: Sequence[str],
    user: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One container that runs `argv` once, as `user`, or as the image's own."""
    container = {
        "name": "command",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(argv),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    identity = {} if user is None else {"runAsUser": user, "runAsGroup": user}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, **identity, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }
