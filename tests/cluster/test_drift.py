"""What somebody changes by hand on a pool's children comes back, unless the pool is paused; nobody else's is taken."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.cluster.caller import Caller
from tests.cluster.pools import InstalledPool, manifest
from tyrex_pool.model import names

DEADLINE = 10.0
POOL = "drift"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
CHANGING = ("resourceVersion", "generation", "uid", "creationTimestamp", "managedFields")
ASSIGNED = ("clusterIP", "clusterIPs")
"""What a Service is given anew when it is made anew."""
NOBODY = [{"op": "add", "path": "/spec/selector/app.kubernetes.io~1component", "value": "nobody"}]


class Child(NamedTuple):
    """One of POOL's: `edit` is a JSON patch of something that is ours."""

    kind: str
    name: str
    edit: list[dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def child(kind: str, name: str, path: str, value: Any) -> Child:
    return Child(kind, name, [{"op": "replace", "path": path, "value": value}])


CHILDREN = [
    Child("service", POOL, NOBODY),
    child("service", f"{POOL}-runtime", "/spec/publishNotReadyAddresses", False),
    child("configmap", f"{POOL}-runtime", "/data/pool.yaml", "{}"),
    child("serviceaccount", f"{POOL}-proxy", "/automountServiceAccountToken", True),
    child("role", f"{POOL}-proxy", "/rules", []),
    child("rolebinding", f"{POOL}-proxy", "/subjects/0/name", "nobody"),
    child("networkpolicy", f"{POOL}-runtime", "/spec/ingress", [{}]),
    child("networkpolicy", f"{POOL}-proxy", "/spec/podSelector", {}),
    child("poddisruptionbudget", f"{POOL}-runtime", "/spec/maxUnavailable", "100%"),
    child("poddisruptionbudget", f"{POOL}-proxy", "/spec/maxUnavailable", 0),
    child("deployment", f"{POOL}-runtime", "/spec/strategy/rollingUpdate/maxUnavailable", "100%"),
    child("deployment", f"{POOL}-proxy", "/spec/replicas", 1),
]


def added(kind: str, name: str, path: str, value: Any) -> Child:
    """What an apply of ours would leave where it is."""
    return Child(kind, name, [{"op": "add", "path": path, "value": value}])


PODS, OWN = "/spec/template/spec", "/spec/template/spec/containers/0"
RUNTIME, PROXY = f"{POOL}-runtime", f"{POOL}-proxy"
ADDITIONS = [
    added("deployment", RUNTIME, f"{PODS}/hostPID", True),
    added("deployment", RUNTIME, f"{PODS}/hostNetwork", True),
    added("deployment", RUNTIME, f"{PODS}/hostIPC", True),
    added("deployment", RUNTIME, f"{PODS}/shareProcessNamespace", True),
    added("deployment", RUNTIME, f"{PODS}/hostAliases", [{"ip": "10.9.9.9", "hostnames": ["api.example.com"]}]),
    added("deployment", RUNTIME, f"{PODS}/dnsConfig", {"nameservers": ["10.9.9.9"]}),
    added("deployment", RUNTIME, f"{PODS}/serviceAccountName", PROXY),
    added("deployment", RUNTIME, f"{PODS}/initContainers", [{"name": "first", "image": "x"}]),
    added("deployment", RUNTIME, f"{PODS}/containers/-", {"name": "more", "image": "x"}),
    added("deployment", RUNTIME, f"{PODS}/volumes/-", {"name": "host", "hostPath": {"path": "/"}}),
    added("deployment", RUNTIME, f"{PODS}/readinessGates", [{"conditionType": "example.com/never"}]),
    added("deployment", RUNTIME, f"{PODS}/nodeSelector", {"never": "there"}),
    added("deployment", RUNTIME, f"{OWN}/env/-", {"name": "DENO_V8_FLAGS", "value": "--expose-gc"}),
    added("deployment", RUNTIME, f"{OWN}/securityContext/capabilities/add", ["NET_RAW"]),
    added("deployment", RUNTIME, f"{OWN}/securityContext/runAsUser", 0),
    added("deployment", RUNTIME, f"{OWN}/securityContext/runAsNonRoot", False),
    added("deployment", RUNTIME, f"{OWN}/startupProbe", {"exec": {"command": ["false"]}}),
    added("deployment", PROXY, f"{OWN}/env", [{"name": "PYTHONPATH", "value": "/tmp"}]),
    added("deployment", PROXY, f"{OWN}/envFrom", [{"secretRef": {"name": "theirs"}}]),
    added("deployment", PROXY, "/spec/paused", True),
    added("deployment", PROXY, "/spec/minReadySeconds", 300),
    added("service", POOL, "/spec/internalTrafficPolicy", "Local"),
    added("service", POOL, "/spec/sessionAffinity", "ClientIP"),
    added("service", POOL, "/spec/externalIPs", ["10.9.9.9"]),
    added("service", POOL, "/spec/trafficDistribution", "PreferClose"),
    Child(
        "service",
        POOL,
        [
            {"op": "replace", "path": "/spec/type", "value": "NodePort"},
            {"op": "add", "path": "/spec/externalTrafficPolicy", "value": "Local"},
        ],
    ),
]
every_addition = pytest.mark.parametrize(
    "child", [pytest.param(one, id=f"{one.kind}{one.edit[-1]['path'].removeprefix('/spec')}") for one in ADDITIONS]
)
FOREIGN = Child("service", "taken", [])
every_child = pytest.mark.parametrize("child", [pytest.param(one, id=str(one)) for one in CHILDREN])


@pytest.fixture(scope="module")
def drift(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    """With two of each, or it would have no disruption budgets."""
    return module_pool(POOL, {"size": 2, "proxy": {"replicas": 2}})


@every_child
def test_an_edited_child_is_as_before(drift: InstalledPool, child: Child) -> None:
    before = told(drift, child)
    edit(drift, child)
    drift.cluster.wait(lambda: told(drift, child) == before, DEADLINE, f"{child} as it was")


@every_addition
def test_what_is_added_to_how_pods_run_or_requests_go_is_removed(drift: InstalledPool, child: Child) -> None:
    before = told(drift, child)
    edit(drift, child)
    drift.cluster.wait(lambda: told(drift, child) == before, DEADLINE, f"{child} as it was")


def test_a_pool_is_restarted_with_kubectl(drift: InstalledPool) -> None:
    drift.wait_ready()
    before = drift.pod_names(names.COMPONENT_RUNTIME)
    drift.kubectl("rollout", "restart", f"deployment/{RUNTIME}")
    drift.kubectl("rollout", "status", f"deployment/{RUNTIME}", "--timeout=90s")
    drift.wait_ready()
    assert drift.pod_names(names.COMPONENT_RUNTIME).isdisjoint(before)


@every_child
def test_a_label_that_is_taken_off_is_there_again(drift: InstalledPool, child: Child) -> None:
    before = told(drift, child)
    for label in (names.LABEL_POOL, names.LABEL_MANAGED_BY):
        drift.kubectl("label", str(child), f"{label}-")
        drift.cluster.wait(lambda: told(drift, child) == before, DEADLINE, f"{child} with its label {label}")


@every_child
def test_a_deleted_child_is_made_again(drift: InstalledPool, child: Child) -> None:
    before, uid = told(drift, child), read(drift, child)["metadata"]["uid"]
    drift.kubectl("delete", str(child), "--wait=false")
    drift.cluster.wait(
        lambda: there(drift, child) and read(drift, child)["metadata"]["uid"] != uid, DEADLINE, f"a new {child}"
    )
    assert told(drift, child) == before


def test_after_all_that_the_pool_is_ready(drift: InstalledPool, module_caller: Caller) -> None:
    drift.wait_ready()
    module_caller.forget(drift)
    assert module_caller.eval(drift, "6 * 7") == 42


def test_a_paused_pool_is_left_alone_until_it_goes_on(drift: InstalledPool) -> None:
    policy = next(one for one in CHILDREN if one.kind == "networkpolicy")
    before = told(drift, policy)
    annotate(drift, f"{names.ANNOTATION_PAUSED}=true")
    try:
        drift.wait_condition("Reconciled", "False", "Paused")
        edit(drift, policy)
        edited = told(drift, policy)
        drift.patch({"timeouts": {"eval": "4s"}})
        drift.wait_condition("Reconciled", "False", "Paused")  # about the new spec: it has been looked at since
        assert told(drift, policy) == edited != before
    finally:
        annotate(drift, f"{names.ANNOTATION_PAUSED}-")
    drift.cluster.wait(lambda: told(drift, policy) == before, DEADLINE, f"{policy} as it was")
    drift.wait_ready()


@pytest.fixture
def taken(operator: str, drift: InstalledPool) -> Iterator[InstalledPool]:
    """A pool whose Service's name is in use by somebody else."""
    pool = InstalledPool(drift.cluster, drift.namespace, FOREIGN.name)
    pool.kubectl("create", "service", "clusterip", FOREIGN.name, "--tcp=80")
    pool.cluster.apply(manifest(pool.name, {"size": 1, "proxy": {"replicas": 1}}, pool.namespace))
    yield pool
    pool.delete(wait=False)


def test_a_service_of_somebody_else_is_not_taken_over(taken: InstalledPool) -> None:
    foreign = read(taken, FOREIGN)
    found = taken.wait_condition("Ready", "False", "ApplyFailed")
    assert f"Service {FOREIGN.name}" in found["message"]
    assert "delete it" in found["message"]
    assert read(taken, FOREIGN) == foreign
    taken.kubectl("delete", str(FOREIGN))
    taken.wait_ready()
    assert read(taken, FOREIGN)["metadata"]["labels"][names.LABEL_POOL] == taken.name


def edit(pool: InstalledPool, child: Child) -> None:
    before = told(pool, child)
    patch = ("patch", str(child), "--type=json", "--patch", json.dumps(child.edit))
    assert steady(json.loads(pool.kubectl(*patch, "--output=json"))) != before, "the edit changes nothing"


def annotate(pool: InstalledPool, annotation: str) -> None:
    pool.kubectl("annotate", names.PLURAL, pool.name, annotation, "--overwrite")


def there(pool: InstalledPool, child: Child) -> bool:
    return bool(pool.kubectl("get", str(child), "--ignore-not-found", "--output=name"))


def read(pool: InstalledPool, child: Child) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pool.kubectl("get", str(child), "--output=json"))
    return found


def told(pool: InstalledPool, child: Child) -> dict[str, Any]:
    """What was asked for, without what the cluster adds of its own."""
    return steady(read(pool, child))


def steady(item: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in item["metadata"].items() if name not in CHANGING}
    annotations = {name: value for name, value in metadata.get("annotations", {}).items() if own(name)}
    spec = copy.deepcopy({name: value for name, value in item.get("spec", {}).items() if name not in ASSIGNED})
    spec.get("template", {}).get("metadata", {}).get("annotations", {}).pop(RESTARTED, None)
    rest = {name: value for name, value in item.items() if name not in ("metadata", "spec", "status")}
    return {**rest, "spec": spec, "metadata": {**metadata, "annotations": annotations}}


def own(annotation: str) -> bool:
    return annotation.startswith(names.LABEL_PREFIX)
