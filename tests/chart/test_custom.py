"""What clusters want otherwise: their own users, variables, volumes, labels and annotations."""

from collections.abc import Iterator

import pytest

from tests.chart.helm import OPERATOR, Helm, Object, Rendered, Values
from tests.unit.cli.parsing import parsed
from tyrex_pool.cli import operator
from tyrex_pool.plan.declared_pool import Platform

OPENSHIFT = "security.openshift.io/v1"
FIXED = {"runAsUser": 65532, "runAsGroup": 65532}


def platform(rendered: Rendered) -> Platform:
    """What the operator makes of its arguments."""
    (container,) = rendered.one("Deployment", OPERATOR)["spec"]["template"]["spec"]["containers"]
    return operator.settings(parsed(operator, *container["args"][1:]), {"POD_NAMESPACE": "tyrex-system"}).platform


@pytest.mark.parametrize(
    ("user", "apis", "assigned"),
    [
        pytest.param("Auto", [], False, id="elsewhere"),
        pytest.param("Auto", [OPENSHIFT], True, id="on-openshift"),
        pytest.param("Assigned", [], True, id="assigned"),
        pytest.param("Fixed", [OPENSHIFT], False, id="fixed"),
    ],
)
def test_users_of_pods(helm: Helm, user: str, apis: list[str], assigned: bool) -> None:
    """Of the operator and of the hooks; and of the pods of every pool."""
    rendered = helm.render({"podUser": user}, apis=apis)
    for owner, pod in rendered.pods():
        context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **({} if assigned else FIXED)}
        assert pod["securityContext"] == context, owner
    assert platform(rendered).assigns_users is assigned


def test_security_contexts_are_laid_over_ours(helm: Helm) -> None:
    values: Values = {
        "operator": {
            "podSecurityContext": {"runAsUser": 1000, "fsGroup": 2000},
            "securityContext": {"readOnlyRootFilesystem": False, "seLinuxOptions": {"level": "s0"}},
        }
    }
    for owner, pod in helm.render(values).pods():
        assert pod["securityContext"].items() >= {"runAsUser": 1000, "fsGroup": 2000, "runAsNonRoot": True}.items()
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": False,
            "seLinuxOptions": {"level": "s0"},
        }, owner


EXTRAS: Values = {
    "operator": {
        "extraEnv": [{"name": "NO_PROXY", "valueFrom": {"configMapKeyRef": {"name": "proxy", "key": "no"}}}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/certs", "readOnly": True}],
    }
}


def test_variables_and_volumes(helm: Helm) -> None:
    """Also for the hook that speaks to the API server."""
    pods = dict(helm.render(EXTRAS).pods())
    for owner, pod in pods.items():
        (container,) = pod["containers"]
        assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "ca"]
        assert container["volumeMounts"][1:] == EXTRAS["operator"]["extraVolumeMounts"]
        if "operator" in container.get("args", []):
            assert [one["name"] for one in container["env"]] == ["POD_NAMESPACE", "POD_NAME", "NO_PROXY"], owner
    assert sum("args" in pod["containers"][0] for pod in pods.values()) == 2


def test_what_every_pool_gets(helm: Helm) -> None:
    pod = {"containers": [{"name": "runtime", "env": [{"name": "A", "value": "\"'\n{{ x }} $(POD_NAME)"}]}]}
    rendered = helm.render(
        {"runtime": {"pod": pod, "podMetadata": {"labels": {"team": "a"}}}, "proxy": {"pod": {"nodeName": "n"}}}
    )
    found = platform(rendered)
    assert found.runtime.pod == pod
    (container,) = rendered.one("Deployment", OPERATOR)["spec"]["template"]["spec"]["containers"]
    assert not any("$(" in word for word in container["args"]), "a kubelet would put in a variable of the operator's"
    assert (found.runtime.pod_metadata.labels, found.runtime.pod_metadata.annotations) == ({"team": "a"}, {})
    assert found.proxy.pod == {"nodeName": "n"}


def test_every_object_has_the_common_annotations(any_release: Rendered, helm: Helm) -> None:
    everything = helm.render(
        {
            "commonAnnotations": {"example.com/owner": "us", "note": "common"},
            "serviceAccount": {"annotations": {"note": "own"}},
            "metrics": {
                "serviceMonitor": {"enabled": True, "labels": {"release": "a"}},
                "podMonitor": {"enabled": True},
                "prometheusRule": {"enabled": True},
                "dashboard": {"enabled": True, "annotations": {"note": "own"}},
            },
            "networkPolicy": {"enabled": True},
            "operator": {"replicas": 2},
        }
    )
    for item in everything.objects:
        assert item["metadata"]["annotations"]["example.com/owner"] == "us", item["kind"]
    own = [item["kind"] for item in everything.objects if item["metadata"]["annotations"]["note"] == "own"]
    assert sorted(own) == ["ConfigMap", "ServiceAccount"]
    assert {item["kind"] for item in any_release.objects} <= {item["kind"] for item in everything.objects}


def annotated(rendered: Rendered) -> Iterator[Object]:
    return (item for item in rendered.objects if "annotations" in item["metadata"])


def test_no_annotation_is_empty(default: Rendered) -> None:
    assert {item["kind"] for item in annotated(default)} == {"CustomResourceDefinition", "Job", "TyrexPool"}
