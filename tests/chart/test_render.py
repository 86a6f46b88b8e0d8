"""The objects of a release, for a table of values."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.chart.cases import EVERYTHING, NOTHING
from tests.chart.helm import OLDEST, RELEASE, Helm, Rendered, Values
from tyrex_pool.model import names


@pytest.mark.parametrize("values", [{}, EVERYTHING, NOTHING], ids=["default", "everything", "nothing"])
def test_lint(helm: Helm, values: Values) -> None:
    helm.run("lint", "--strict", "--kube-version", OLDEST, str(helm.chart), values=values)


def test_the_kinds_of_a_default_release(default: Rendered) -> None:
    """And how many of each."""
    assert Counter(o["kind"] for o in default.objects) == {
        "CustomResourceDefinition": 1,
        "ClusterRole": 4,
        "ClusterRoleBinding": 1,
        "Deployment": 1,
        "Job": 2,
        "Lease": 1,
        "Role": 3,
        "RoleBinding": 3,
        "Service": 1,
        "ServiceAccount": 1,
        "TyrexPool": 1,
    }


def test_what_can_be_left_out_is_left_out(helm: Helm) -> None:
    kinds = sorted(o["kind"] for o in helm.render(NOTHING).objects)
    assert kinds == ["Deployment", "Job", "Lease", "Service", "TyrexPool"]


def test_no_object_is_there_twice(any_release: Rendered) -> None:
    identities = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in any_release.objects]
    assert len(set(identities)) == len(identities)


def test_every_object_has_its_labels(any_release: Rendered) -> None:
    common = {"app.kubernetes.io/name": "tyrex-pool", "app.kubernetes.io/instance": RELEASE}
    assert [
        o["metadata"]["name"] for o in any_release.objects if not common.items() <= o["metadata"]["labels"].items()
    ] == []


def test_common_labels_are_on_every_object(helm: Helm) -> None:
    for item in helm.render(EVERYTHING).objects:
        assert item["metadata"]["labels"]["cost-centre"] == "42"


def test_the_crd_is_the_public_one_and_is_kept(root: Path, default: Rendered) -> None:
    public = yaml.safe_load((root / "crds/tyrexpool.yaml").read_text())
    crd = default.one("CustomResourceDefinition")
    assert crd["spec"] == public["spec"]
    assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert crd["metadata"].pop("labels")
    assert crd | {"spec": public["spec"]} == public


def test_names_are_dns_labels_for_the_longest_release(helm: Helm) -> None:
    for item in helm.render(release="r" * 53).objects:
        if item["kind"] != "CustomResourceDefinition":
            assert len(item["metadata"]["name"]) <= names.DNS_LABEL_MAX
