"""Which Jobs are hooks of an uninstallation: by what the API server says about who wrote them."""

from collections.abc import Iterable
from typing import Any

import pytest

from tyrex_pool.controller.helm_release import HelmRelease, UnknownReleaseError, decide, refusal
from tyrex_pool.model.kinds import Kind

Object = dict[str, Any]
RELEASE = HelmRelease("tyrex-system", "tyrex", "tyrex-operator", "tyrex-remove-pools")


def entry(manager: str, fields: Object, operation: str = "Update", **rest: str) -> Object:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **rest}


def job(*managers: str) -> Object:
    """As the API server answers: its own controller has written the status."""
    status = entry("kube-controller-manager", {"f:status": {"f:active": {}}}, subresource="status")
    spec: Object = {"f:metadata": {"f:labels": {}}, "f:spec": {"f:template": {}}}
    return {"metadata": {"managedFields": [*(entry(manager, spec) for manager in managers), status]}}


def deployment(installer: str = "helm", name: str = "tyrex", namespace: str = "tyrex-system") -> Object:
    """The operator's, as `installer` made it, with what others have changed since."""
    annotated: Object = {"f:annotations": {".": {}, "f:meta.helm.sh/release-name": {}}}
    others: Iterable[Object] = [
        entry("kubectl-client-side-apply", {"f:metadata": {"f:labels": {"f:team": {}}}, "f:spec": {"f:replicas": {}}}),
        entry("kube-controller-manager", {"f:metadata": {"f:annotations": {"f:revision": {}}}}, subresource="status"),
    ]
    return {
        "metadata": {
            "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace},
            "managedFields": [entry(installer, {"f:metadata": annotated, "f:spec": {}}), *others],
        }
    }


RENDERED: Object = {
    "metadata": {"managedFields": [entry("kubectl-client-side-apply", {"f:metadata": {}, "f:spec": {}})]}
}
"""The operator's Deployment where the chart was rendered: Helm has installed nothing."""


@pytest.mark.parametrize(
    ("creator", "installer"),
    [
        pytest.param("helm", "helm", id="the same program"),
        pytest.param("helm.exe", "helm", id="on another machine"),
        pytest.param("helm", "helm-controller", id="installed by Flux"),
        pytest.param("helm-controller", "helm-controller", id="Flux"),
        pytest.param("terraform-provider-helm_v3", "terraform-provider-helm_v2", id="Terraform"),
        pytest.param("fleetagent", "fleetagent", id="a program that contains Helm, of another name"),
    ],
)
def test_an_uninstallation(creator: str, installer: str) -> None:
    assert decide(RELEASE, job(creator), deployment(installer)) is None


@pytest.mark.parametrize(
    "creator",
    [
        "kubectl-client-side-apply",
        "kubectl",
        "kubectl-create",
        "kubectl-replace",
        "kustomize-controller",
        "argocd-controller",
        "fleetagent",
        "pulumi-kubernetes",
    ],
)
@pytest.mark.parametrize("found", [deployment(), RENDERED, None], ids=["beside a release", "rendered too", "alone"])
def test_a_job_that_was_only_rendered_deletes_nothing(creator: str, found: Object | None) -> None:
    reason = decide(RELEASE, job(creator), found)
    assert reason == f"Job tyrex-remove-pools was created by {creator}, not by Helm"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(None, "there is no Job tyrex-remove-pools", id="renamed by kustomize"),
        pytest.param({"metadata": {}}, "was created by an unknown program, not by Helm", id="nothing is recorded"),
        pytest.param(job(), "was created by an unknown program, not by Helm", id="only its status"),
    ],
)
def test_a_job_that_says_nothing(found: Object | None, reason: str) -> None:
    assert (decide(RELEASE, found, deployment()) or "").endswith(reason)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="no operator"),
        pytest.param(RENDERED, id="rendered meanwhile"),
        pytest.param(deployment(name="other"), id="of another release"),
        pytest.param(deployment(namespace="other"), id="of the same name elsewhere"),
    ],
)
def test_helm_does_not_go_on_with_a_release_that_is_not_recognized(found: Object | None) -> None:
    """An operator that is taken away leaves pools that cannot be deleted."""
    with pytest.raises(UnknownReleaseError, match=r"does not belong to release tyrex in tyrex-system: bring it back"):
        decide(RELEASE, job("helm"), found)


class Objects:
    def __init__(self, *found: tuple[str, Object]) -> None:
        self.found = dict(found)
        self.asked: list[tuple[str, str | None, str]] = []

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        self.asked.append((kind.name, namespace, name))
        return self.found.get(kind.name)


async def test_only_two_objects_are_read() -> None:
    objects = Objects(("Job", job("helm")), ("Deployment", deployment()))
    assert await refusal(objects, RELEASE) is None
    assert objects.asked == [
        ("Job", "tyrex-system", "tyrex-remove-pools"),
        ("Deployment", "tyrex-system", "tyrex-operator"),
    ]
