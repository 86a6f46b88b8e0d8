"""The table of children: names, labels, owners, and who is there when."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan.plans import NAMES, PLATFORM, golden_pool, pool
from tyrex_pool.model import kinds, names
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.plan.children import CHILDREN, desired, gone

POOL_NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_KEY = re.compile(r"[a-z.]{1,253}/[a-z.-]{1,63}")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def manifests(name: str, **spec: Any) -> list[dict[str, Any]]:
    return [item for item in desired(pool(name, **spec), PLATFORM).values() if item is not None]


def of_key(value: Any, key: str) -> Iterator[Any]:
    """Every value that stands under `key`, anywhere in `value`."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        if name == key:
            yield member
        yield from of_key(member, key)


@given(POOL_NAMES)
def test_names_and_labels_are_valid(name: str) -> None:
    for item in manifests(name):
        assert DNS_LABEL.fullmatch(item["metadata"]["name"])
        for labels in (*of_key(item, "labels"), *of_key(item, "matchLabels")):
            assert all(LABEL_KEY.fullmatch(key) for key in labels)
            assert all(LABEL_VALUE.fullmatch(value) for value in labels.values())


@given(POOL_NAMES)
def test_children_refer_to_one_another_by_their_names(name: str) -> None:
    items = manifests(name)
    there = {(item["kind"], item["metadata"]["name"]) for item in items}
    assert ("Service", name) in there
    assert {("ServiceAccount", account) for item in items for account in of_key(item, "serviceAccountName")} <= there
    assert {("ConfigMap", one["name"]) for item in items for one in of_key(item, "configMap")} <= there
    assert {(one["kind"], one["name"]) for item in items for one in of_key(item, "roleRef")} <= there


@given(POOL_NAMES)
def test_pods_are_chosen_by_labels_that_they_have(name: str) -> None:
    items = manifests(name)
    pods = [item["spec"]["template"]["metadata"]["labels"] for item in items if item["kind"] == "Deployment"]
    services = [item["spec"]["selector"] for item in items if item["kind"] == "Service"]
    chosen = [one for item in items for one in of_key(item, "matchLabels")]
    for selector in (*services, *chosen):
        if names.LABEL_POOL in selector:
            assert sum(selector.items() <= labels.items() for labels in pods) == 1


def test_each_has_its_owner() -> None:
    owner = {"apiVersion": "tyrex.dev/v1alpha1", "kind": "TyrexPool", "name": "p", "uid": "1"}
    for item in manifests("p"):
        assert item["metadata"]["namespace"] == "web"
        assert item["metadata"]["ownerReferences"] == [{**owner, "controller": True}]


def test_no_owner_outside_of_a_cluster() -> None:
    assert all("ownerReferences" not in item["metadata"] for item in manifests("p", uid=None))


@pytest.mark.parametrize("name", NAMES)
def test_refs_are_those_of_the_manifests(name: str) -> None:
    for ref, item in desired(golden_pool(name), PLATFORM).items():
        if item is not None:
            assert ref == (item["apiVersion"], item["kind"], item["metadata"]["name"])


def test_the_controller_watches_every_kind() -> None:
    assert {child[:2] for child in CHILDREN} == {(kind.api_version, kind.name) for kind in kinds.CHILDREN}


@pytest.mark.parametrize(
    ("size", "replicas", "budgets"),
    [
        pytest.param(2, 2, ["p-runtime", "p-proxy"], id="two"),
        pytest.param(1, 1, [], id="one"),
        pytest.param(0, 2, ["p-proxy"], id="parked"),
        pytest.param(3, 0, ["p-runtime"], id="no proxy"),
    ],
)
def test_only_what_does_not_stand_alone_has_a_budget(size: int, replicas: int, budgets: list[str]) -> None:
    items = manifests("p", size=size, proxy={"replicas": replicas})
    assert [item["metadata"]["name"] for item in items if item["kind"] == "PodDisruptionBudget"] == budgets


def test_gone_is_the_same_table() -> None:
    assert gone("p") == dict.fromkeys(desired(pool(), PLATFORM))


def test_a_main_module_that_is_not_there() -> None:
    module = {"configMap": {"name": "src", "entrypoint": "main.ts"}}
    with pytest.raises(InvalidSpec, match=r"spec\.mainModule\.configMap\.name: there is no ConfigMap 'src'"):
        desired(pool(mainModule=module), PLATFORM)
