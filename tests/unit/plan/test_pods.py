"""What the golden files do not show: where images, policies and amounts come from."""

from typing import Any

import pytest

from tests.unit.plan.plans import PLATFORM, pool
from tyrex_pool.plan import proxy_deployment, runtime_deployment
from tyrex_pool.plan.pool import Manifest, Platform


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
    assert runtime["resources"]["limits"] == {"memory": limit}


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
