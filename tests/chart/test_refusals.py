"""Values that are refused, and what is said about them."""

from typing import Any

import pytest

from tests.chart.helm import Helm, Refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"scope": "cluster"}, "at '/scope': value must be one of 'Cluster', 'Namespaces'", id="scope"),
        pytest.param({"scoped": "Cluster"}, "additional properties 'scoped' not allowed", id="unknown"),
        pytest.param(
            {"operator": {"image": {"regsitry": "r"}}},
            "at '/operator/image': additional properties 'regsitry' not allowed",
            id="unknown-below",
        ),
        pytest.param({"operator": {"replicas": "2"}}, "at '/operator/replicas': got string, want integer", id="type"),
        pytest.param({"operator": {"replicas": -1}}, "at '/operator/replicas': minimum: got -1, want 0", id="minimum"),
        pytest.param(
            {"metrics": {"podMonitor": {"interval": "1d"}}}, "at '/metrics/podMonitor/interval': '1d'", id="duration"
        ),
        pytest.param({"operator": {"image": {"tag": 1.2}}}, "at '/operator/image/tag': got number", id="tag"),
        pytest.param({"runtime": {"image": {"digest": "0ab"}}}, "at '/runtime/image/digest': '0ab'", id="digest"),
        pytest.param({"image": {"registry": "https://r.example.com"}}, "at '/image/registry': ", id="registry"),
        pytest.param(
            {"operator": {"image": {"repository": "r.example.com:/op"}}}, "at '/operator/image/repository'", id="port"
        ),
        pytest.param({"podUser": "1000"}, "must be one of 'Auto', 'Fixed', 'Assigned'", id="user"),
        pytest.param({"operator": {"extraEnv": [{"value": "a"}]}}, "missing property 'name'", id="env"),
        pytest.param({"operator": {"extraVolumes": {"a": {}}}}, "got object, want array", id="volumes"),
        pytest.param(
            {"proxy": {"podMetadata": {"lables": {}}}}, "additional properties 'lables' not allowed", id="pod-metadata"
        ),
        pytest.param({"commonAnnotations": {"a": 1}}, "at '/commonAnnotations/a': got number", id="annotations"),
        pytest.param({"imagePullSecrets": ["a"]}, "at '/imagePullSecrets/0': got string, want object", id="secrets"),
        pytest.param({"imagePullPolicy": "Sometimes"}, "'Always', 'IfNotPresent', 'Never'", id="policy"),
        pytest.param({"uninstall": {"pools": "Forget"}}, "must be one of 'Delete', 'Keep'", id="uninstall"),
        pytest.param(
            {"scope": "Namespaces", "watchNamespaces": ["Web"]}, "at '/watchNamespaces/0': 'Web'", id="namespace"
        ),
        pytest.param(
            {"watchNamespaces": ["web"]},
            "watchNamespaces: set scope=Namespaces to look after these namespaces only",
            id="namespaces-without-their-scope",
        ),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as refused:
        helm.render(values)
    assert message in str(refused.value)


def test_it_can_be_part_of_another_chart(helm: Helm) -> None:
    helm.render({"global": {"imageRegistry": "r.example.com"}, "enabled": True})
