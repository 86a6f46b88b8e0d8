"""The kinds of objects that are read or written, and their paths at the API server."""

from typing import NamedTuple

from tyrex_pool.model import names


class Kind(NamedTuple):
    """`api_version` and `name` as in manifests, `plural` as in paths."""

    api_version: str
    name: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of all objects of a namespace (None: of every namespace), or of the object called `name`."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        inside = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{root}{self.api_version}{inside}/{self.plural}" + (f"/{name}" if name is not None else "")


TYREX_POOL = Kind(names.API_VERSION, names.KIND, names.PLURAL)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
SERVICE = Kind("v1", "Service", "services")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
ROLE = Kind("rbac.authorization.k8s.io/v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
POD = Kind("v1", "Pod", "pods")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
JOB = Kind("batch/v1", "Job", "jobs")

CHILDREN = (
    CONFIG_MAP,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    NETWORK_POLICY,
    DISRUPTION_BUDGET,
    DEPLOYMENT,
)
"""The kinds of a pool's child objects."""

_OTHERS = (TYREX_POOL, ENDPOINT_SLICE, POD, REPLICA_SET, EVENT, LEASE)

BY_NAME = {(kind.api_version, kind.name): kind for kind in (*CHILDREN, *_OTHERS)}
