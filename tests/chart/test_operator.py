"""The operator's Deployment: its image, command and settings."""

import pytest
import yaml

from tests.chart.cases import DIGEST, EVERYTHING
from tests.chart.helm import FULLNAME, NAMESPACE, OPERATOR, Helm, Rendered, Values
from tyrex_pool.model import names


@pytest.mark.parametrize(
    ("values", "operator", "runtime"),
    [
        pytest.param({}, "tyrex-pool-operator:{version}", "tyrex-pool-runtime:{version}", id="default"),
        pytest.param(
            {"image": {"registry": "localhost:5000"}},
            "localhost:5000/tyrex-pool-operator:{version}",
            "localhost:5000/tyrex-pool-runtime:{version}",
            id="registry",
        ),
        pytest.param(
            {"image": {"registry": "r.example.com/a/b/"}, "operator": {"image": {"repository": "c/op"}}},
            "r.example.com/a/b/c/op:{version}",
            "r.example.com/a/b/tyrex-pool-runtime:{version}",
            id="registry-with-a-path",
        ),
        pytest.param(
            {
                "operator": {"image": {"repository": "Registry.local:5000/a/op"}},
                "runtime": {"image": {"repository": "localhost:5001/rt"}},
            },
            "Registry.local:5000/a/op:{version}",
            "localhost:5001/rt:{version}",
            id="repositories-with-a-port",
        ),
        pytest.param(
            {"operator": {"image": {"tag": "v1"}}, "runtime": {"image": {"tag": "v2"}}},
            "tyrex-pool-operator:v1",
            "tyrex-pool-runtime:v2",
            id="tags",
        ),
        pytest.param(
            {"operator": {"image": {"tag": "v1", "digest": DIGEST}}, "runtime": {"image": {"digest": DIGEST}}},
            f"tyrex-pool-operator@{DIGEST}",
            f"tyrex-pool-runtime@{DIGEST}",
            id="a-digest-wins",
        ),
    ],
)
def test_images(helm: Helm, values: Values, operator: str, runtime: str) -> None:
    version = yaml.safe_load((helm.chart / "Chart.yaml").read_text())["appVersion"]
    rendered = helm.render(values)
    used = {container["image"] for _, pod in rendered.pods() for container in pod["containers"]}
    assert used == {operator.format(version=version)}
    arguments = args(rendered)
    assert f"--proxy-image={operator.format(version=version)}" in arguments
    assert f"--runtime-image={runtime.format(version=version)}" in arguments


def args(rendered: Rendered) -> list[str]:
    (container,) = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"]
    words: list[str] = container["args"]
    return words


RUNTIME_DEFAULTS = (
    """{"pod":{"tolerations":[{"key":"a'b","operator":"Exists"}]},"""
    r'"podMetadata":{"annotations":{"note":"a \"b\""},"labels":{"team":"b"}}}'
)


def test_the_operator_s_command(helm: Helm) -> None:
    assert args(helm.render(EVERYTHING)) == [
        "operator",
        "--namespace=web",
        "--namespace=jobs",
        "--runtime-image=registry.example.com:5000/tools/tyrex-pool-runtime:v2",
        f"--proxy-image=registry.example.com:5000/tools/op@{DIGEST}",
        "--image-pull-policy=Always",
        "--image-pull-secret=pull-a",
        "--image-pull-secret=pull-b",
        f"--runtime-defaults={RUNTIME_DEFAULTS}",
        '--proxy-defaults={"pod":{"priorityClassName":"high"}}',
        "--resync=300s",
        f"--lease={OPERATOR}",
    ]


@pytest.mark.parametrize(
    ("values", "namespaces"),
    [
        pytest.param({}, [], id="cluster"),
        pytest.param({"scope": "Namespaces"}, [NAMESPACE], id="its-own"),
        pytest.param({"scope": "Namespaces", "watchNamespaces": ["a", "b"]}, ["a", "b"], id="several"),
    ],
)
def test_scope(helm: Helm, values: Values, namespaces: list[str]) -> None:
    wanted = [f"--namespace={namespace}" for namespace in namespaces]
    rendered = helm.render(values)
    assert [word for word in args(rendered) if word.startswith("--namespace")] == wanted
    hook = rendered.one("Job", f"{FULLNAME}-remove-pools")["spec"]["template"]["spec"]["containers"][0]
    assert [word for word in hook["args"] if word.startswith("--namespace")] == wanted


def test_settings_of_the_operator_s_pods(helm: Helm) -> None:
    given = EVERYTHING["operator"]
    template = helm.render(EVERYTHING).one("Deployment")["spec"]["template"]
    for name in ("priorityClassName", "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"):
        assert template["spec"][name] == given[name]
    assert template["spec"]["imagePullSecrets"] == EVERYTHING["imagePullSecrets"]
    assert given["podLabels"].items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["annotations"] == given["podAnnotations"]


@pytest.mark.parametrize(
    ("replicas", "strategy", "budget"), [(0, "Recreate", False), (1, "Recreate", False), (2, "RollingUpdate", True)]
)
def test_replicas(helm: Helm, replicas: int, strategy: str, budget: bool) -> None:
    rendered = helm.render({"operator": {"replicas": replicas}})
    spec = rendered.one("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (replicas, strategy)
    assert bool(rendered.of("PodDisruptionBudget")) == budget


def test_probes_ports_and_identity(default: Rendered) -> None:
    pod = default.one("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["ports"] == [{"name": "admin", "containerPort": names.ADMIN_PORT}]
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": names.PATH_HEALTH, "port": "admin"}
    assert container["readinessProbe"]["httpGet"] == {"path": names.PATH_READY, "port": "admin"}
    fields = {entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"]}
    assert fields == {"POD_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    assert pod["serviceAccountName"] == default.one("ServiceAccount")["metadata"]["name"]
