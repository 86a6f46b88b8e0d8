import socket

import pytest

from tests.unit.cli.parsing import parsed
from tyrex_pool.cli import operator
from tyrex_pool.controller.helm_release import HelmRelease
from tyrex_pool.controller.operator import Settings
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model.components import PodDefaults, PodMetadata
from tyrex_pool.model.metadata import Labels
from tyrex_pool.plan.declared_pool import Platform

IMAGES = ["--runtime-image", "r:1", "--proxy-image", "p:1"]
IMAGE_PULLS = ["--image-pull-policy", "Never", "--image-pull-secret", "s"]
OTHERS = ["-n", "a", "--namespace", "b", "--resync", "5s", "--lease", "mine", "--host", "::", "--admin-port", "1"]
POD = {"POD_NAMESPACE": "tyrex", "POD_NAME": "operator-0"}


@pytest.mark.parametrize(
    ("words", "environment", "settings"),
    [
        pytest.param(
            IMAGES,
            POD,
            Settings(
                Platform("r:1", "p:1", operator_namespace="tyrex"),
                "operator-0",
                lease=("tyrex", "tyrex-pool-operator"),
                host="0.0.0.0",
            ),
            id="in a pod",
        ),
        pytest.param(
            [*IMAGES, "--no-lease"],
            {},
            Settings(Platform("r:1", "p:1"), socket.gethostname(), host="0.0.0.0"),
            id="on a machine, alone",
        ),
        pytest.param(
            [*IMAGES, *IMAGE_PULLS, *OTHERS],
            POD,
            Settings(
                Platform("r:1", "p:1", "Never", ("s",), "tyrex"),
                "operator-0",
                ("a", "b"),
                5.0,
                ("tyrex", "mine"),
                "::",
                1,
            ),
            id="everything",
        ),
    ],
)
def test_settings(words: list[str], environment: dict[str, str], settings: Settings) -> None:
    assert operator.settings(parsed(operator, *words), environment) == settings


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        pytest.param([], POD, "pass --runtime-image IMAGE", id="no runtime image"),
        pytest.param(IMAGES[:2], POD, "pass --proxy-image IMAGE", id="no proxy image"),
        pytest.param(
            IMAGES, {}, "set POD_NAMESPACE to the operator's own namespace, or pass --no-lease", id="no namespace"
        ),
    ],
)
def test_what_is_missing(words: list[str], environment: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput) as refusal:
        operator.settings(parsed(operator, *words), environment)
    assert str(refusal.value) == message


def test_the_options_of_a_removal() -> None:
    args = parsed(operator, "--remove-pools", "-n", "a", "--timeout", "1m")
    assert (args.remove_pools, args.namespace, args.timeout) == (True, ["a"], 60.0)
    assert operator.helm_release(args, POD) is None


def test_a_removal_for_one_release_only() -> None:
    args = parsed(operator, "--remove-pools", "--helm-release", "r:d:j")
    assert operator.helm_release(args, POD) == HelmRelease("tyrex", "r", "d", "j")
    with pytest.raises(BadInput, match="set POD_NAMESPACE to the namespace of the release"):
        operator.helm_release(args, {})


def test_what_every_pool_gets() -> None:
    text = '{"pod": {"nodeName": null}, "podMetadata": {"labels": {"a": "b"}}}'
    words = [*IMAGES, "--no-lease", "--assigned-users", "--runtime-defaults", text]
    platform = operator.settings(parsed(operator, *words), {}).platform
    assert platform.assigns_users
    assert platform.runtime == PodDefaults({"nodeName": None}, PodMetadata(Labels(a="b")))
    assert platform.proxy == PodDefaults()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("{", "write JSON: ", id="no JSON"),
        pytest.param("[]", "proxy: write a mapping, not []", id="a list"),
        pytest.param('{"pods": {}}', "proxy.pods: unknown field; write one of pod, podMetadata", id="unknown"),
        pytest.param(
            '{"podMetadata": {"labels": {"tyrex.dev/pool": "a"}}}', "proxy.podMetadata.labels[tyrex.dev/pool]", id="own"
        ),
    ],
)
def test_what_no_pool_can_get(text: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(operator, f"--proxy-defaults={text}")
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "r", "r:d", "r:d:", "r:d:j:k", "::"])
def test_a_release_that_cannot_be_read(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(operator, "--remove-pools", f"--helm-release={text}")
    assert "write RELEASE:DEPLOYMENT:JOB, not" in capsys.readouterr().err
