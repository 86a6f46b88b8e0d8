"""What happens at `helm test` and `helm uninstall`, and what Helm says after an install."""

import shutil
from pathlib import Path

import pytest

from tests.chart.helm import FULLNAME, NAMESPACE, OPERATOR, RELEASE, Helm, Object, Values
from tyrex_pool.model import names
from tyrex_pool.model.spec import PoolSpec


def annotation(item: Object, name: str) -> str | None:
    value: str | None = item["metadata"].get("annotations", {}).get(f"helm.sh/{name}")
    return value


def test_pools_go_before_the_operator(helm: Helm) -> None:
    job = helm.render({"uninstall": {"timeoutSeconds": 90}}).one("Job", f"{FULLNAME}-remove-pools")
    assert annotation(job, "hook") == "pre-delete"
    assert annotation(job, "hook-delete-policy") == "before-hook-creation,hook-succeeded"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    release = f"--helm-release={RELEASE}:{OPERATOR}:{job['metadata']['name']}"
    assert container["args"] == ["operator", "--remove-pools", release, "--timeout=90s", f"--lease={OPERATOR}"]
    assert job["spec"]["activeDeadlineSeconds"] > 90
    assert job["spec"]["ttlSecondsAfterFinished"] > 0


def test_pools_may_stay(helm: Helm) -> None:
    hooks = [annotation(o, "hook") for o in helm.render({"uninstall": {"pools": "Keep"}}).objects]
    assert "pre-delete" not in hooks


@pytest.mark.parametrize(
    ("values", "namespace", "access"),
    [
        pytest.param({}, NAMESPACE, "Namespace", id="cluster"),
        pytest.param({"scope": "Namespaces"}, NAMESPACE, "Namespace", id="its-own-namespace"),
        pytest.param(
            {"scope": "Namespaces", "watchNamespaces": ["a", NAMESPACE]}, NAMESPACE, "Namespace", id="among-others"
        ),
        pytest.param({"scope": "Namespaces", "watchNamespaces": ["a", "b"]}, "a", "Cluster", id="elsewhere"),
    ],
)
def test_a_real_eval(helm: Helm, values: Values, namespace: str, access: str) -> None:
    """The pool is where the operator looks; the caller where Helm looks for its log."""
    rendered = helm.render(values)
    pool, job = rendered.one(names.KIND), rendered.one("Job", f"{FULLNAME}-test")
    assert pool["apiVersion"] == names.API_VERSION
    assert pool["metadata"]["namespace"] == namespace
    assert PoolSpec.parse(pool["spec"]).access.from_ == access
    assert job["metadata"]["namespace"] == NAMESPACE
    for hook in (pool, job):
        assert annotation(hook, "hook") == "test"
        assert annotation(hook, "hook-delete-policy") == "before-hook-creation,hook-succeeded"
    assert int(annotation(pool, "hook-weight") or 0) < int(annotation(job, "hook-weight") or 0)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    host = names.service_host(pool["metadata"]["name"], namespace)
    assert container["env"] == [{"name": "URL", "value": f"http://{host}"}]


def test_only_hooks_that_are_meant(helm: Helm) -> None:
    hooks = {(o["kind"], annotation(o, "hook")) for o in helm.render().objects if annotation(o, "hook")}
    assert hooks == {("Job", "pre-delete"), ("Job", "test"), (names.KIND, "test")}


# Notes ----------------------------------------------------------------------------------------------------


def notes(helm: Helm, values: Values, folder: Path) -> str:
    """What `helm install` prints, but without a cluster: made an object of a copy of the chart."""
    copy = folder / "chart"
    shutil.copytree(helm.chart, copy)
    (copy / "files/notes.txt").write_text((copy / "templates/NOTES.txt").read_text())
    (copy / "templates/notes.yaml").write_text('text: {{ tpl (.Files.Get "files/notes.txt") . | toJson }}\n')
    (rendered,) = helm.render(values, chart=copy, only="templates/notes.yaml").objects
    text: str = rendered["text"]
    return text


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        pytest.param(
            {},
            [
                "of all namespaces",
                "image.registry is empty",
                "kubectl get tyrexpools --all-namespaces",
                "deletes the pools too",
            ],
            ["go on serving"],
            id="default",
        ),
        pytest.param(
            {"image": {"registry": "r.example.com"}, "scope": "Namespaces", "watchNamespaces": ["web", "jobs"]},
            ["in web, jobs", "kubectl apply -n web", "kubectl get tyrexpools -n web", "http://hello.web.svc/v1/eval"],
            ["image.registry is empty"],
            id="namespaces",
        ),
        pytest.param({"uninstall": {"pools": "Keep"}}, ["pools go on serving"], ["deletes the pools too"], id="keep"),
    ],
)
def test_notes(helm: Helm, tmp_path: Path, values: Values, said: list[str], unsaid: list[str]) -> None:
    text = notes(helm, values, tmp_path)
    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []
    assert f"helm test -n {NAMESPACE} {RELEASE}" in text
