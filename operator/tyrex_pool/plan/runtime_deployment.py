"""The Deployment of the runtimes: pods that run guest code, one runtime each."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.plan.agent_manifest import spec_hash
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.deno_flags import writes_files
from tyrex_pool.plan.pods import Workload, deployment

AGENT: Final = Bytes(128 << 20)
"""Memory of an agent without its isolates."""
ISOLATE: Final = Bytes(176 << 20)
"""Memory of a ready isolate (80Mi), and by how much it may exceed its heap limit before it is ended (96Mi)."""
_CACHES: Final = Bytes(256 << 20)
"""Disk for what Deno compiled of the main module, once for each isolate that runs, starts or ends."""
_FILES: Final = Bytes(1 << 30)
"""Disk instead, where guests may write files or download modules."""

_CONFIG: Final = "config"


def build(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Raises InvalidSpec when a file of the main module is missing."""
    revision = spec_hash(pool, platform)
    workload = Workload(
        component=names.COMPONENT_RUNTIME,
        settings=pool.spec.runtime,
        defaults=platform.runtime,
        image=platform.runtime_image,
        replicas=pool.spec.size,
        surge="25%",
        resources=resources(pool.spec.limits.heap),
        temporary=_FILES if writes_files(pool.spec.permissions) else _CACHES,
        container={
            "args": ["agent", f"{names.CONFIG_DIRECTORY}/{names.CONFIG_FILE}"],
            "env": [
                {"name": names.RUNTIME_NAME_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": names.SPEC_HASH_VARIABLE, "value": revision},
            ],
            "volumeMounts": [{"name": _CONFIG, "mountPath": names.CONFIG_DIRECTORY, "readOnly": True}],
        },
        pod={
            "automountServiceAccountToken": False,
            "volumes": [
                {
                    "name": _CONFIG,
                    "configMap": {"name": names.component_name(pool.name, names.COMPONENT_RUNTIME)},
                }
            ],
        },
        annotations={names.ANNOTATION_SPEC_HASH: revision},
    )
    return deployment(pool, platform, workload)


def resources(heap: int) -> Manifest:
    """Memory for two isolates, since a spare is started beside the one that runs. CPU is requested, not limited."""
    return {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"memory": str(Bytes(AGENT + 2 * (ISOLATE + heap)))},
    }
