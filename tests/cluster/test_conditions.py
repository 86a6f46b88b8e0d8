"""What is wrong with a pool is told by a condition and an event, and heals by itself once its cause is gone."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.pools import InstalledPool, manifest
from tyrex_pool.model import names

CONDITIONS = {"Ready", "Available", "Progressing", "Reconciled"}
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
    spec: Mapping[str, Any] = field(default_factory=dict)


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
}


@pytest.fixture
def sick(
    operator: str, module_caller: Caller, module_namespace: str, request: pytest.FixtureRequest
) -> Iterator[InstalledPool]:
    """A pool that is not there yet, called as its test."""
    pool = InstalledPool(module_caller.cluster, module_namespace, request.node.callspec.id)
    yield pool
    pool.delete(wait=False)


@pytest.mark.parametrize("sickness", [pytest.param(one, id=name) for name, one in SICKNESSES.items()])
def test_trouble_is_told_and_heals_by_itself(sick: InstalledPool, module_caller: Caller, sickness: Sickness) -> None:
    sickness.cause(sick)
    apply(sick, sickness.spec)
    told = sick.wait_condition("Ready", "False", sickness.reason)
    assert sickness.told in told["message"]
    assert_complete(sick)
    sick.cluster.wait(lambda: sickness.reason in warnings(sick), 5, f"an event {sickness.reason}")
    sickness.cure(sick)
    sick.wait_ready()
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
    about = f"type=Warning,involvedObject.kind={names.KIND},involvedObject.name={pool.name}"
    found = json.loads(pool.kubectl("get", "events", "--field-selector", about, "--output=json"))["items"]
    return {event["reason"] for event in found}
