"""What the golden files do not show: where images, policies and amounts come from."""

from types import ModuleType
from typing import Any

import pytest

from tests.unit.plan.plans import PLATFORM, pool
from tyrex_pool.model.durations import LONGEST
from tyrex_pool.plan import proxy_deployment, runtime_deployment
from tyrex_pool.plan.declared_pool import Manifest, Platform
from tyrex_pool.plan.pods import grace


def containers(**spec: Any) -> list[Manifest]:
    """The runtime's and the proxy's."""
    deployments = [one.build(pool(**spec), PLATFORM) for one in (runtime_deployment, proxy_deployment)]
    return [one["spec"]["template"]["spec"]["containers"][0] for one in deployments]


@pytest.mark.parametrize(
    ("heap", "limit"),
    [
        pytest.param("32Mi", "544Mi", id="smallest"),
        pytest.param("128Mi", "736Mi", id="default"),
        pytest.param("1Gi", "2528Mi", id="large"),
        pytest.param(33_554_433, "570425346", id="odd"),
    ],
)
def test_memory_for_two_isolates(heap: object, limit: str) -> None:
    runtime, _ = containers(limits={"heap": heap})
    assert runtime["resources"]["limits"] == {"memory": limit, "ephemeral-storage": "384Mi"}


def disks(**spec: Any) -> list[tuple[str, str]]:
    """Of the runtime's and the proxy's pods: the size of /tmp, and the disk of the container."""
    found = []
    for one in (runtime_deployment, proxy_deployment):
        pod = one.build(pool(**spec), PLATFORM)["spec"]["template"]["spec"]
        (temporary,) = [volume for volume in pod["volumes"] if volume["name"] == "tmp"]
        limits = pod["containers"][0]["resources"]["limits"]
        found.append((temporary["emptyDir"]["sizeLimit"], limits["ephemeral-storage"]))
    return found


@pytest.mark.parametrize(
    ("permissions", "runtime"),
    [
        pytest.param({}, ("256Mi", "384Mi"), id="nothing"),
        pytest.param({"allow": {"read": ["*"], "net": ["*"]}}, ("256Mi", "384Mi"), id="what writes nothing"),
        pytest.param({"allow": {"write": ["/tmp"]}}, ("1Gi", "1152Mi"), id="files"),
        pytest.param({"allow": {"import": ["esm.sh"]}}, ("1Gi", "1152Mi"), id="downloads"),
        pytest.param({"allow": {"run": ["git"]}}, ("1Gi", "1152Mi"), id="programs"),
        pytest.param({"default": "AllowAll"}, ("1Gi", "1152Mi"), id="anything"),
        pytest.param({"allow": {"write": ["/tmp"]}, "deny": {"write": ["*"]}}, ("256Mi", "384Mi"), id="denied"),
    ],
)
def test_disk_is_bounded(permissions: Any, runtime: tuple[str, str]) -> None:
    assert disks(permissions=permissions) == [runtime, ("64Mi", "192Mi")]


def test_a_larger_disk_is_laid_over() -> None:
    larger = {"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "5Gi"}}]}
    resources = {"limits": {"memory": "1Gi", "ephemeral-storage": "6Gi"}}
    assert disks(runtime={"pod": larger, "resources": resources})[0] == ("5Gi", "6Gi")


def test_resources_replace_ours_as_a_whole() -> None:
    asked = {"resources": {"limits": {"memory": "1Gi", "cpu": None}}}
    for container in containers(runtime=asked, proxy=asked):
        assert container["resources"] == {"limits": {"memory": "1Gi"}}


def test_a_pool_s_own_image_and_policy() -> None:
    own = {"image": "mine:1", "imagePullPolicy": "Never"}
    for container in containers(runtime=own, proxy=own):
        assert (container["image"], container["imagePullPolicy"]) == ("mine:1", "Never")
    for container in containers(runtime={"image": "mine:1"}, proxy={"image": "mine:1"}):
        assert container["imagePullPolicy"] == "IfNotPresent", "the platform's"


def test_without_a_policy_or_a_secret_kubernetes_decides() -> None:
    pod = runtime_deployment.build(pool(), Platform("a", "b"))["spec"]["template"]["spec"]
    assert "imagePullPolicy" not in pod["containers"][0]
    assert "imagePullSecrets" not in pod


@pytest.mark.parametrize(
    ("drain", "expected"),
    [
        pytest.param(0.0, 60, id="none"),
        pytest.param(30.0, 60, id="default"),
        pytest.param(52.0, 60, id="the most that fits"),
        pytest.param(52.1, 120, id="one step further"),
        pytest.param(3600.0, 3840, id="an hour"),
        pytest.param(float(LONGEST), 503_316_480, id="longest"),
    ],
)
def test_a_pod_has_more_time_to_end_than_its_evals_may_take(drain: float, expected: int) -> None:
    assert grace(drain) == expected


@pytest.mark.parametrize("component", [runtime_deployment, proxy_deployment])
def test_a_drain_that_is_nearly_the_same_replaces_no_pod(component: ModuleType) -> None:
    shorter, longer = (
        component.build(pool(timeouts={"drain": drain}), PLATFORM)["spec"]["template"] for drain in ("20s", "45s")
    )
    assert shorter == longer
