"""The Deployment of the proxies, which accept evals and choose a runtime for each."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.pods import Workload, deployment

RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
_TEMPORARY: Final = Bytes(64 << 20)
"""Its workers share little more than counters there."""


def build(pool: DeclaredPool, platform: Platform) -> Manifest:
    """A proxy watches its pool itself: the manifest has only what needs new pods when it changes."""
    workload = Workload(
        component=names.COMPONENT_PROXY,
        settings=pool.spec.proxy,
        defaults=platform.proxy,
        image=platform.proxy_image,
        replicas=pool.spec.proxy.replicas,
        surge=1,
        resources=RESOURCES,
        temporary=_TEMPORARY,
        container={"args": ["proxy", "--pool", pool.name, "--namespace", pool.namespace]},
        pod={
            "serviceAccountName": names.component_name(pool.name, names.COMPONENT_PROXY),
            "automountServiceAccountToken": True,
        },
    )
    return deployment(pool, platform, workload)
