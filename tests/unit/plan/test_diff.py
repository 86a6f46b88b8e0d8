from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan.plans import NAMES, PLATFORM, golden_pool, pool
from tyrex_pool.model import names
from tyrex_pool.plan.children import desired, gone
from tyrex_pool.plan.declared_pool import Ref
from tyrex_pool.plan.diff import Apply, Delete, diff, removal

ONE, OTHER = Ref("v1", "Service", "one"), Ref("v1", "Service", "other")
ITEM: dict[str, Any] = {"metadata": {"name": "one"}, "spec": {"replicas": 3}}
CHANGED: dict[str, Any] = {"metadata": {"name": "one"}, "spec": {"replicas": 2}}
GOING: dict[str, Any] = {"metadata": {"name": "one", "deletionTimestamp": "2026-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("wanted", "there", "actions"),
    [
        pytest.param({ONE: ITEM}, {}, (Apply(ONE, ITEM, "missing"),), id="missing"),
        pytest.param(
            {ONE: ITEM}, {ONE: CHANGED}, (Apply(ONE, ITEM, "spec.replicas: 3, not 2", "spec.replicas"),), id="changed"
        ),
        pytest.param({ONE: ITEM}, {ONE: ITEM}, (), id="as it should be"),
        pytest.param({ONE: None}, {ONE: ITEM}, (Delete(ONE, "not wanted"),), id="too much"),
        pytest.param({ONE: None}, {ONE: GOING}, (), id="going already"),
        pytest.param({ONE: None}, {}, (), id="gone"),
        pytest.param({}, {ONE: ITEM}, (), id="not ours"),
        pytest.param(
            {OTHER: ITEM, ONE: None},
            {ONE: ITEM},
            (Apply(OTHER, ITEM, "missing"), Delete(ONE, "not wanted")),
            id="in the order of the table",
        ),
    ],
)
def test_actions(wanted: Any, there: Any, actions: Any) -> None:
    assert diff(wanted, there) == actions


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_that_is_as_planned_needs_nothing(name: str) -> None:
    children = desired(golden_pool(name, uid="1"), PLATFORM)
    assert diff(children, {ref: item for ref, item in children.items() if item is not None}) == ()


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_size_is_followed(before: int, after: int, replicas: int) -> None:
    """From any size to any other, applying the actions leads to what is wanted."""
    there = {ref: item for ref, item in desired(pool(size=before), PLATFORM).items() if item is not None}
    wanted = desired(pool(size=after, proxy={"replicas": replicas}), PLATFORM)
    for action in diff(wanted, there):
        if isinstance(action, Apply):
            there[action.ref] = action.manifest
        else:
            del there[action.ref]
    assert there == {ref: item for ref, item in wanted.items() if item is not None}
    assert diff(wanted, there) == ()


def test_the_end_of_a_deletion() -> None:
    there = {ref: item for ref, item in desired(pool(), PLATFORM).items() if item is not None}
    assert {action.ref for action in diff(gone("p"), there)} == set(there)


def test_what_is_no_longer_wanted_is_seen() -> None:
    """Else server-side apply would never be asked to take it out."""
    there = {ref: item for ref, item in desired(pool(proxy={"pod": {"nodeName": "n"}}), PLATFORM).items() if item}
    (action,) = diff(desired(pool(), PLATFORM), there)
    assert (action.ref.name, action.reason) == ("p-proxy", "spec.template.spec.nodeName: not wanted")


def test_what_is_no_longer_wanted_where_others_may_add_is_seen_by_the_hash() -> None:
    there = {ref: item for ref, item in desired(pool(), PLATFORM).items() if item}
    account = Ref("v1", "ServiceAccount", "p-proxy")
    before = {**there[account], "more": 1}
    before["metadata"] = {**before["metadata"], "annotations": {names.ANNOTATION_MANIFEST_HASH: "former"}}
    (action,) = diff(desired(pool(), PLATFORM), {**there, account: before})
    assert (action.ref, names.ANNOTATION_MANIFEST_HASH in action.reason) == (account, True)


@pytest.mark.parametrize(
    ("spec", "extra", "patch"),
    [
        pytest.param({"a": 1}, {"dnsConfig": {}}, None, id="empty"),
        pytest.param({"a": 1}, {"dnsConfig": {"options": []}}, {"a": 1, "dnsConfig": None}, id="a mapping"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": None}}, id="a field"),
        pytest.param(
            {"env": [{"name": "A"}]}, {"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "A"}]}, id="an item"
        ),
        pytest.param(
            {"env": [{"name": "A"}]}, {"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A"}]}, id="in an item"
        ),
        pytest.param(
            {"a": 1}, {"replicas": 3, "env": [{"name": "B"}]}, {"a": 1, "replicas": None, "env": None}, id="two"
        ),
        pytest.param({"a": 1}, {"progressDeadlineSeconds": 600}, None, id="a default"),
        pytest.param({"a": 1}, {"clusterIP": "10.0.0.1"}, None, id="assigned"),
        pytest.param({"serviceAccountName": "a"}, {"serviceAccount": "a"}, None, id="a copy"),
        pytest.param({"a": 1}, {"serviceAccount": "b"}, {"a": 1, "serviceAccount": None}, id="a copy of nothing"),
        pytest.param(
            {"a": 1}, {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}, None, id="a restart"
        ),
    ],
)
def test_what_others_have_added_is_removed_by_a_patch(spec: Any, extra: Any, patch: Any) -> None:
    """Where `extra` is what an API server has beside `spec`, which an apply would leave."""
    wanted = {"kind": "Deployment", "metadata": {}, "spec": {"template": {"metadata": {}}, **spec}}
    there = {**wanted, "spec": {**wanted["spec"], **extra}}  # type: ignore[dict-item]
    found = removal(wanted, there)
    assert found == (None if patch is None else {"kind": "Deployment", "spec": {"template": {"metadata": {}}, **patch}})


def test_a_kind_that_is_open_keeps_what_others_added() -> None:
    assert (
        removal({"kind": "ConfigMap", "metadata": {}}, {"kind": "ConfigMap", "metadata": {}, "spec": {"a": 1}}) is None
    )


def test_actions_are_told() -> None:
    assert str(Apply(ONE, ITEM, "missing")) == "apply Service one: missing"
    assert str(Delete(ONE, "not wanted")) == "delete Service one: not wanted"
