"""What tools that wait for objects see of pools: from before any operator saw one, through each of its states."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.operators import Operators
from tests.cluster.pools import RESOURCE, InstalledPool, condition
from tests.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus
from tyrex_pool.model import names

PARKED: dict[str, Any] = {"size": 0, "proxy": {"replicas": 0}}
SMALL: dict[str, Any] = {"size": 1, "proxy": {"replicas": 1}}
PAUSED = f"{names.ANNOTATION_PAUSED}=true"


def met(pool: InstalledPool, wanted: str, seconds: int = 1) -> bool:
    """Whether `kubectl wait` for the condition succeeds within `seconds`."""
    said = pool.kubectl(
        "wait", f"--for=condition={wanted}", f"{RESOURCE}/{pool.name}", f"--timeout={seconds}s", check=False
    )
    return "condition met" in said


def statuses(item: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["status"], one["reason"]) for one in item["status"]["conditions"]}


@pytest.fixture
def unseen(operator: str, cluster: Cluster, module_namespace: str) -> Iterator[InstalledPool]:
    """A pool that was created while no operator runs; one does again after the test."""
    pool = InstalledPool(cluster, module_namespace, "unseen")
    with Operators(cluster, operator).scaled(0):
        pool.apply(PARKED)
        yield pool
    pool.delete(wait=False)


def test_before_any_operator_saw_it_a_pool_is_in_progress(unseen: InstalledPool, operator: str) -> None:
    found = unseen.read()
    assert statuses(found) == {("Unknown", "Pending")}
    assert found["status"]["observedGeneration"] == 0
    assert kstatus(found) == IN_PROGRESS
    assert not met(unseen, "Ready")
    unseen.patch({"size": 1})
    assert kstatus(unseen.read()) == IN_PROGRESS, "after a change too"
    unseen.patch({"size": 0})
    listed = json.loads(unseen.kubectl("get", RESOURCE, "--output=json"))["items"]
    assert [kstatus(one) for one in listed] == [IN_PROGRESS]
    Operators(unseen.cluster, operator).scale(1)
    unseen.wait_condition("Ready", "True", "Parked", deadline=60)
    assert kstatus(unseen.read()) == CURRENT


def test_a_parked_pool_is_settled_and_not_available(module_pool: Callable[..., InstalledPool]) -> None:
    pool = module_pool("parked", PARKED, ready=False)
    pool.wait_condition("Ready", "True", "Parked")
    assert kstatus(pool.read()) == CURRENT
    assert pool.condition("Available")["reason"] == "Parked"
    assert met(pool, "Ready")
    assert met(pool, "Stalled=false")
    assert not met(pool, "Available")


def test_a_paused_pool_says_what_is_not_applied(module_pool: Callable[..., InstalledPool]) -> None:
    pool = module_pool("paused", SMALL)
    pool.kubectl("annotate", RESOURCE, pool.name, PAUSED)
    pool.wait_condition("Reconciled", "False", "Paused")
    assert kstatus(pool.read()) == CURRENT
    applied = pool.status()["appliedGeneration"]
    generation = pool.patch({"runtime": {"resources": {"limits": {"memory": "1Gi"}}}})
    told = pool.wait_condition("Ready", "False", "Paused")
    assert f"generation {generation} of the spec is not applied" in told["message"]
    assert f"generation {applied}" in told["message"]
    assert "Deployment paused-runtime" in told["message"]
    assert kstatus(pool.read()) == FAILED
    assert pool.status()["appliedGeneration"] == applied
    assert met(pool, "Available"), "it goes on as it was"
    pool.kubectl("annotate", RESOURCE, pool.name, f"{names.ANNOTATION_PAUSED}-")
    pool.wait_ready()
    assert pool.status()["appliedGeneration"] == generation
    assert kstatus(pool.read()) == CURRENT


def test_an_invalid_spec_ends_the_waiting_and_the_correction_too(module_pool: Callable[..., InstalledPool]) -> None:
    pool = module_pool("invalid", PARKED, ready=False)
    pool.wait_condition("Ready", "True", "Parked")
    wrong = pool.patch({"permissions": {"denny": {}}})
    assert pool.wait_condition("Stalled", "True")["reason"] == "InvalidSpec"
    assert kstatus(pool.read()) == FAILED
    assert met(pool, "Stalled")
    assert pool.status()["appliedGeneration"] < wrong
    pool.patch({"permissions": {"denny": None}})
    pool.wait_condition("Stalled", "False")
    assert kstatus(pool.read()) == CURRENT


def test_a_correction_is_not_blamed_for_the_pods_before_it(module_pool: Callable[..., InstalledPool]) -> None:
    """Tools fail as soon as they see Stalled about the newest generation: so must no pod of an older template do."""
    pool = module_pool(
        "corrected", {**SMALL, "runtime": {"pod": {"nodeSelector": {"tyrex.dev/no": "where"}}}}, ready=False
    )
    pool.wait_condition("Ready", "False", "Unschedulable")
    pool.apply({**SMALL, "mainModule": {"inline": "throw new Error('no such luck')"}})
    pool.wait_condition("Stalled", "True")
    generation = pool.patch({"mainModule": None})
    seen: list[str] = []

    def ready() -> bool:
        item = pool.read()
        if item["status"]["observedGeneration"] == generation:
            seen.append(kstatus(item))
        return seen[-1:] == [CURRENT]

    pool.cluster.wait(ready, 90, "the corrected pool")
    assert set(seen) <= {IN_PROGRESS, CURRENT}, condition(pool.read(), "Stalled")


def test_the_kustomize_example_becomes_ready(operator: str, cluster: Cluster, namespace: str, root: Path) -> None:
    """With the image that this cluster has."""
    text = cluster.kubectl("kustomize", str(root / "examples" / "gitops" / "kustomize"))
    image = "registry.example/tyrex-pool-runtime:0.1.0"
    assert image in text
    cluster.kubectl(
        "--namespace", namespace, "apply", "--filename=-", input=text.replace(image, cluster.images.runtime)
    )
    InstalledPool(cluster, namespace, "shop-render").wait_ready()
