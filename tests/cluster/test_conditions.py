"""What is wrong with a pool is told by a condition and an event, and heals by itself once its cause is gone."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.pods import restricted_pod
from tests.cluster.pools import InstalledPool, manifest
from tests.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus
from tyrex_pool.model import names

CONDITIONS = {"Ready", "Available", "Progressing", "Stalled", "Reconciled"}
SMALL: Mapping[str, Any] = {"size": 1, "proxy": {"replicas": 1}}
FIRST = "class First:\n    def __init__(self, options): pass\n    def select(self, runtimes, key): return runtimes[0]\n"
LUCKLESS = "throw new Error('no such luck');"
LUCKY = "globalThis.answer = 42;"
Step = Callable[[InstalledPool], object]


@dataclass(frozen=True)
class Sickness:
    """`cause` comes before the pool does, `cure` once its trouble was told; `told` is part of the message."""

    reason: str
    told: str
    cure: Step
    cause: Step = lambda pool: None
    spec: Mapping[str, Any] | Callable[[InstalledPool], Mapping[str, Any]] = field(default_factory=dict)
    passing: bool = False
    """Whether it may pass by itself: the pool is not Stalled then."""


def source(name: str, code: str) -> Step:
    """Write the ConfigMap that a pool's main module or strategy comes from."""
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"code": code}}
    return lambda pool: pool.kubectl("apply", "--filename=-", input=json.dumps(document))


def first_of(name: str) -> dict[str, Any]:
    """A spec whose strategy is the class First of that ConfigMap."""
    return {"strategy": {"type": "Custom", "custom": {"configMap": {"name": name, "key": "code"}, "class": "First"}}}


def module_of(name: str) -> dict[str, Any]:
    """A spec whose main module is in that ConfigMap."""
    return {"mainModule": {"configMap": {"name": name, "entrypoint": "code"}}}


def patch(spec: Mapping[str, Any]) -> Step:
    return lambda pool: pool.patch(spec)


def secret(name: str) -> Step:
    """Create a Secret with the key `token`."""
    return lambda pool: pool.kubectl("create", "secret", "generic", name, "--from-literal=token=t")


def container(**fields: Any) -> dict[str, Any]:
    """A spec whose runtimes' own container has these fields."""
    return {"runtime": {"pod": {"containers": [{"name": "runtime", **fields}]}}}


def mounted(**volume: Any) -> dict[str, Any]:
    """A spec whose runtimes mount this volume."""
    spec = container(volumeMounts=[{"name": "extra", "mountPath": "/extra"}])
    spec["runtime"]["pod"]["volumes"] = [{"name": "extra", **volume}]
    return spec


def beside(pool: InstalledPool, *command: str) -> dict[str, Any]:
    """A spec whose runtimes have a second container that runs `command`."""
    sidecar = restricted_pod("side", pool.namespace, pool.cluster.images.runtime, command)["spec"]["containers"][0]
    return {"runtime": {"pod": {"containers": [{**sidecar, "name": "side", "volumeMounts": []}]}}}


def memory(limit: str) -> dict[str, Any]:
    return {"runtime": {"resources": {"limits": {"memory": limit}}}}


CURED = patch({"runtime": None})

SICKNESSES = {
    "misspelled-deny": Sickness(
        "InvalidSpec",
        "spec.permissions.denny",
        spec={"permissions": {"denny": {"net": ["*"]}}},
        cure=patch({"permissions": {"denny": None, "deny": {"net": ["*"]}}}),
    ),
    "strategy-does-not-load": Sickness(
        "InvalidStrategy",
        "First",
        cause=source("misnamed", FIRST.replace("First", "Frist")),
        spec=first_of("misnamed"),
        cure=source("misnamed", FIRST),
    ),
    "no-strategy": Sickness(
        "InvalidStrategy",
        "there is no ConfigMap absent",
        spec=first_of("absent"),
        cure=source("absent", FIRST),
    ),
    "no-main-module": Sickness(
        "ConfigMapNotFound",
        "there is no ConfigMap missing",
        spec=module_of("missing"),
        cure=source("missing", LUCKY),
    ),
    "main-module-throws": Sickness(
        "MainModuleFailed",
        "no such luck",
        cause=source("throwing", LUCKLESS),
        spec=module_of("throwing"),
        cure=source("throwing", LUCKY),
    ),
    "no-image": Sickness(
        "ImagePullFailed",
        "registry.invalid/nothing:1",
        spec={"runtime": {"image": "registry.invalid/nothing:1"}},
        cure=patch({"runtime": None}),
    ),
    "quota": Sickness(
        "PodsRefused",
        "exceeded quota: full",
        cause=lambda pool: pool.kubectl("create", "quota", "full", "--hard=pods=0"),
        cure=lambda pool: pool.kubectl("delete", "quota", "full"),
    ),
    "refused-by-pod-security": Sickness(
        "PodsRefused", "violates PodSecurity", spec={"runtime": {"pod": {"hostNetwork": True}}}, cure=CURED
    ),
    "secret-that-is-mounted": Sickness(
        "MountFailed",
        'secret "no-keys" not found',
        spec=mounted(secret={"secretName": "no-keys"}),
        cure=secret("no-keys"),
    ),
    "key-that-is-mounted": Sickness(
        "MountFailed",
        "references non-existent config key: absent",
        cause=source("half", ""),
        spec=mounted(configMap={"name": "half", "items": [{"key": "absent", "path": "absent"}]}),
        cure=CURED,
    ),
    "secret-in-a-variable": Sickness(
        "ContainerStartFailed",
        'secret "no-token" not found',
        spec=container(env=[{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "no-token", "key": "token"}}}]),
        cure=secret("no-token"),
    ),
    "bad-command": Sickness(
        "ContainerStartFailed", "/no/such/program", spec=container(command=["/no/such/program"]), cure=CURED
    ),
    "a-few-bytes-of-memory": Sickness(
        "OutOfMemory", "spec.runtime.resources.limits.memory", spec=memory("128"), cure=CURED
    ),
    "too-little-memory": Sickness(
        "OutOfMemory", "spec.runtime.resources.limits.memory", spec=memory("12Mi"), cure=CURED
    ),
    "sidecar-crashes": Sickness(
        "CrashLooping",
        "container side ended with Error (exit code 3)",
        spec=lambda pool: beside(pool, "sh", "-c", "sleep 1; exit 3"),
        cure=CURED,
    ),
    "no-node": Sickness(
        "Unschedulable",
        "node(s) didn't match",
        spec={"runtime": {"pod": {"nodeSelector": {"tyrex.dev/no": "where"}}}},
        cure=CURED,
        passing=True,
    ),
}


@pytest.fixture
def sick(
    operator: str, module_caller: Caller, module_namespace: str, request: pytest.FixtureRequest
) -> Iterator[InstalledPool]:
    """A pool that is not there yet, called as its test."""
    pool = InstalledPool(module_caller.cluster, module_namespace, request.node.callspec.id)
    yield pool
    pool.delete(wait=False)


@pytest.fixture
def sick_pool(operator: str, module_caller: Caller, module_namespace: str) -> Iterator[InstalledPool]:
    """A pool that is not there yet."""
    pool = InstalledPool(module_caller.cluster, module_namespace, "loses")
    yield pool
    pool.delete(wait=False)


@pytest.mark.parametrize("sickness", [pytest.param(one, id=name) for name, one in SICKNESSES.items()])
def test_trouble_is_told_and_heals_by_itself(sick: InstalledPool, module_caller: Caller, sickness: Sickness) -> None:
    sickness.cause(sick)
    apply(sick, sickness.spec(sick) if callable(sickness.spec) else sickness.spec)
    told = sick.wait_condition("Ready", "False", sickness.reason, deadline=60)
    assert sickness.told in told["message"]
    sick.wait_condition("Stalled", str(not sickness.passing))
    assert kstatus(sick.read()) == (IN_PROGRESS if sickness.passing else FAILED)
    assert_complete(sick)
    sick.cluster.wait(lambda: sickness.reason in warnings(sick), 5, f"an event {sickness.reason}")
    sickness.cure(sick)
    sick.wait_ready()
    assert kstatus(sick.read()) == CURRENT
    assert_complete(sick)
    assert module_caller.eval(sick, "6 * 7") == 42


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        pytest.param({"permissions": {"denny": {"env": ["LANG"]}}}, "InvalidSpec", id="misspelled-later"),
        pytest.param({"mainModule": {"inline": LUCKLESS}}, "MainModuleFailed", id="throws-later"),
    ],
)
def test_a_running_pool_goes_on_as_it_was(
    sick: InstalledPool, module_caller: Caller, mistake: Mapping[str, Any], reason: str
) -> None:
    apply(sick, {})
    sick.wait_ready()
    pods = sick.restarts()
    assert module_caller.eval(sick, "globalThis.kept = 42") == 42
    apply(sick, mistake)
    sick.wait_condition("Ready", "False", reason)
    assert_complete(sick)
    assert sick.condition("Available")["status"] == "True"
    assert module_caller.eval(sick, "globalThis.kept") == 42
    apply(sick, {})
    sick.wait_ready()
    assert sick.restarts() == pods
    assert module_caller.eval(sick, "globalThis.kept") == 42


def test_a_ready_pool_that_loses_its_runtime_warns_and_says_when_it_is_back(sick_pool: InstalledPool) -> None:
    apply(sick_pool, {})
    sick_pool.wait_ready()
    assert warnings(sick_pool) == set()
    sick_pool.kubectl("delete", "pod", *sick_pool.pod_names(names.COMPONENT_RUNTIME), "--grace-period=0", "--force")
    sick_pool.cluster.wait(lambda: warnings(sick_pool) == {"Starting"}, 30, "a warning")
    sick_pool.wait_ready()
    sick_pool.cluster.wait(
        lambda: event_reasons(sick_pool, "Normal") == ["Ready", "Ready"], 10, "an event for its return"
    )


def apply(pool: InstalledPool, spec: Mapping[str, Any]) -> None:
    """As a client does that does not look at what it sends."""
    text = manifest(pool.name, {**SMALL, **spec})
    pool.kubectl("apply", "--validate=false", "--filename=-", input=text)


def assert_complete(pool: InstalledPool) -> None:
    """All conditions are there, each with a reason, and about the present spec."""
    whole = pool.read()
    conditions = whole["status"]["conditions"]
    assert {one["type"] for one in conditions} == CONDITIONS
    assert {one["observedGeneration"] for one in conditions} == {whole["metadata"]["generation"]}
    assert whole["status"]["observedGeneration"] == whole["metadata"]["generation"]
    assert all(one["reason"] and one["message"] for one in conditions)


def warnings(pool: InstalledPool) -> set[str]:
    """The reasons of the warnings about the TyrexPool."""
    return set(event_reasons(pool, "Warning"))


def event_reasons(pool: InstalledPool, kind: str) -> list[str]:
    """The reasons of the events of this type about the TyrexPool."""
    about = f"type={kind},involvedObject.kind={names.KIND},involvedObject.name={pool.name}"
    found = json.loads(pool.kubectl("get", "events", "--field-selector", about, "--output=json"))["items"]
    return [event["reason"] for event in found]
