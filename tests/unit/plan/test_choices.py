"""What users choose for pods, Services and budgets, and what the platform gives to every pool."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.unit.plan.plans import PLATFORM, pool
from tyrex_pool.model import names
from tyrex_pool.model.components import PodDefaults
from tyrex_pool.model.schema import convert
from tyrex_pool.plan.agent_manifest import spec_hash
from tyrex_pool.plan.children import desired
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.diff import diff

COMPONENTS = ("runtime", "proxy")
EVICTABLE = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"


def children(given: DeclaredPool, platform: Platform = PLATFORM) -> dict[tuple[str, str], Manifest]:
    found = desired(given, platform).items()
    return {(ref.kind, ref.name.removeprefix(f"{given.name}-")): item for ref, item in found if item is not None}


def templates(platform: Platform = PLATFORM, **spec: Any) -> list[Manifest]:
    found = children(pool(**spec), platform)
    return [found["Deployment", component]["spec"]["template"] for component in COMPONENTS]


def labelled(**labels: str) -> DeclaredPool:
    return DeclaredPool("p", "web", "1", pool().spec, labels=labels)


# Pods ---------------------------------------------------------------------------------------------------------


def test_pods_get_labels_and_annotations_beside_ours() -> None:
    ours = templates()
    chosen = {"podMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    for before, after in zip(ours, templates(runtime=chosen, proxy=chosen), strict=True):
        assert after["metadata"]["labels"] == {**before["metadata"]["labels"], "team": "a"}
        assert after["metadata"]["annotations"] == {**before["metadata"]["annotations"], "note": "b"}
        assert after["spec"] == before["spec"]


def test_each_component_has_its_own() -> None:
    runtime, proxy = templates(runtime={"podMetadata": {"labels": {"team": "a"}}})
    assert runtime["metadata"]["labels"]["team"] == "a"
    assert "team" not in proxy["metadata"]["labels"]


def test_scratch_volumes_keep_no_node() -> None:
    """Of the volumes on a node's disk only our own is named: what a user's holds may not be lost."""
    own = {"pod": {"volumes": [{"name": "data", "emptyDir": {}}]}}
    for template in templates(runtime=own, proxy=own):
        assert template["metadata"]["annotations"][EVICTABLE] == "tmp"


def test_a_user_may_say_which_volumes_are_scratch() -> None:
    own = {"podMetadata": {"annotations": {EVICTABLE: "tmp,data"}}}
    assert [one["metadata"]["annotations"][EVICTABLE] for one in templates(runtime=own, proxy=own)] == ["tmp,data"] * 2


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"podMetadata": {"labels": {"a": "b"}}}, id="pod labels"),
        pytest.param({"rollout": {"maxSurge": 2}}, id="rollout"),
        pytest.param({"disruptionBudget": {"enabled": False}}, id="budget"),
    ],
)
def test_no_isolate_needs_to_know(part: Any) -> None:
    """The hash of what a runtime reads stays, so that an update of the operator by itself restarts nothing."""
    assert spec_hash(pool(runtime=part), PLATFORM) == spec_hash(pool(), PLATFORM)


# Rollouts and budgets -----------------------------------------------------------------------------------------


def rollouts(**spec: Any) -> list[Manifest]:
    found = children(pool(**spec))
    return [found["Deployment", component]["spec"]["strategy"]["rollingUpdate"] for component in COMPONENTS]


def test_rollouts() -> None:
    assert rollouts() == [{"maxUnavailable": 0, "maxSurge": "25%"}, {"maxUnavailable": 0, "maxSurge": 1}]
    chosen = {"rollout": {"maxSurge": 0, "maxUnavailable": "10%"}}
    assert rollouts(runtime=chosen, proxy=chosen) == [{"maxUnavailable": "10%", "maxSurge": 0}] * 2
    assert rollouts(proxy={"rollout": {"maxUnavailable": 1}})[1] == {"maxUnavailable": 1, "maxSurge": 1}


@pytest.mark.parametrize("component", COMPONENTS)
def test_budgets(component: str) -> None:
    def budget(**chosen: Any) -> Any:
        spec: dict[str, Any] = {component: {"disruptionBudget": chosen}}
        found = children(pool(**spec)).get(("PodDisruptionBudget", component))
        return found and found["spec"]["maxUnavailable"]

    assert budget() == "25%"
    assert budget(maxUnavailable=1) == 1
    assert budget(maxUnavailable=0) == 0
    assert budget(enabled=False) is None
    assert budget(enabled=False, maxUnavailable=1) is None


def test_a_budget_that_is_switched_off_is_deleted() -> None:
    before = {ref: item for ref, item in desired(pool(), PLATFORM).items() if item is not None}
    after = desired(pool(runtime={"disruptionBudget": {"enabled": False}}), PLATFORM)
    assert [str(action) for action in diff(after, before)] == ["delete PodDisruptionBudget p-runtime: not wanted"]


# The Service --------------------------------------------------------------------------------------------------


def test_the_service() -> None:
    chosen = {"type": "LoadBalancer", "labels": {"expose": "yes"}, "annotations": {"example.com/scheme": "internal"}}
    found = children(pool(proxy={"service": chosen}))
    before, after = children(pool())["Service", "p"], found["Service", "p"]
    assert after["spec"] == {**before["spec"], "type": "LoadBalancer"}
    assert after["metadata"]["labels"] == {**before["metadata"]["labels"], "expose": "yes"}
    assert after["metadata"]["annotations"].items() >= {"example.com/scheme": "internal"}.items()
    assert found["Service", "runtime"] == children(pool())["Service", "runtime"], "headless, as it must be"


def test_what_is_taken_out_of_the_service_is_applied() -> None:
    """Labels that are gone from a manifest are no difference by themselves."""
    more = pool(proxy={"service": {"labels": {"a": "b"}, "annotations": {"c": "d"}}})
    before = {ref: item for ref, item in desired(more, PLATFORM).items() if item is not None}
    assert [action.ref.name for action in diff(desired(pool(), PLATFORM), before)] == ["p"]


# The pool's own labels ----------------------------------------------------------------------------------------


def test_children_have_the_pool_s_labels() -> None:
    for (kind, _), child in children(labelled(team="a")).items():
        assert child["metadata"]["labels"]["team"] == "a", kind
    runtime = children(labelled(team="a"))["Deployment", "runtime"]
    assert "team" not in runtime["spec"]["template"]["metadata"]["labels"], "else another label would restart the pods"


@pytest.mark.parametrize(
    "key",
    [
        "tyrex.dev/pool",
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "argocd.argoproj.io/instance",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.sh/chart",
        "applyset.kubernetes.io/part-of",
        "kapp.k14s.io/app",
    ],
)
def test_but_not_those_by_which_tools_prune(key: str) -> None:
    assert children(labelled(**{key: "other"})) == children(labelled())


def test_a_label_that_is_gone_is_taken_from_the_children() -> None:
    before = {ref: item for ref, item in desired(labelled(team="a"), PLATFORM).items() if item is not None}
    assert {action.ref for action in diff(desired(labelled(), PLATFORM), before)} == set(before)


# The platform -------------------------------------------------------------------------------------------------


def of_platform(**changes: Any) -> Platform:
    return replace(PLATFORM, **changes)


def test_a_cluster_may_assign_users() -> None:
    for template in templates(of_platform(assigns_users=True)):
        assert template["spec"]["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    for template in templates():
        assert template["spec"]["securityContext"]["runAsUser"] == 65_532


DEFAULTS = convert(
    {
        "pod": {
            "priorityClassName": "low",
            "containers": [{"name": "runtime", "env": [{"name": "HTTPS_PROXY", "value": "http://p:1"}]}],
            "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        },
        "podMetadata": {"labels": {"team": "platform", "tier": "b"}, "annotations": {"note": "a"}},
    },
    PodDefaults,
    "runtime",
)


def test_every_pool_gets_what_the_platform_has() -> None:
    runtime, proxy = templates(of_platform(runtime=DEFAULTS))
    assert runtime["spec"]["priorityClassName"] == "low"
    (container,) = runtime["spec"]["containers"]
    assert {"name": "HTTPS_PROXY", "value": "http://p:1"} in container["env"]
    assert {volume["name"] for volume in runtime["spec"]["volumes"]} == {"tmp", "config", "ca"}
    assert runtime["metadata"]["labels"]["team"] == "platform"
    assert proxy == templates()[1]


def test_a_pool_has_the_last_word() -> None:
    own = {"pod": {"priorityClassName": "high"}, "podMetadata": {"labels": {"team": "a"}}}
    runtime, _ = templates(of_platform(runtime=DEFAULTS), runtime=own)
    assert runtime["spec"]["priorityClassName"] == "high"
    assert (runtime["metadata"]["labels"]["team"], runtime["metadata"]["labels"]["tier"]) == ("a", "b")
    assert runtime["metadata"]["labels"][names.LABEL_POOL] == "p"


def test_choices_are_no_part_of_what_agents_read() -> None:
    chosen = {"podMetadata": {"labels": {"a": "b"}}}
    config = children(pool(runtime=chosen, proxy=chosen))["ConfigMap", "runtime"]
    assert config["data"] == children(pool())["ConfigMap", "runtime"]["data"]
    assert msgspec.json.encode(children(pool(runtime=chosen))["Deployment", "runtime"])
