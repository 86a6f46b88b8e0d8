"""What counts as a difference, as server-side apply sees it. `applied/` is from an API server (1.36): what was applied,
and what it made of it.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan.plans import NAMES, PLATFORM, golden_pool
from tyrex_pool.model.strict_yaml import load_documents
from tyrex_pool.plan.children import desired
from tyrex_pool.plan.diff import different
from tyrex_pool.plan.difference import difference

APPLIED = Path(__file__).parent / "applied"
LABELS = {"a": "1"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
FIELDS = st.sampled_from(["ports", "env", "selector", "limits", "args", "ownerReferences"])


def documents(name: str) -> list[Any]:
    return load_documents((APPLIED / name).read_text(), name)


APPLIED_PAIRS = [
    pytest.param(manifest, item, id=f"{manifest['kind']} {manifest['metadata']['name']}")
    for manifest, item in zip(documents("manifests.yaml"), documents("objects.yaml"), strict=True)
]


@pytest.mark.parametrize(("manifest", "item"), APPLIED_PAIRS)
def test_what_an_api_server_adds_is_none(manifest: Any, item: Any) -> None:
    assert manifest != item
    assert different(manifest, item) == []


@given(st.dictionaries(FIELDS, JSON))
def test_nothing_differs_from_itself(value: Any) -> None:
    assert difference(value, copy.deepcopy(value)) is None


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="a field of others"),
        pytest.param({"a": {}}, {}, id="an empty mapping, absent"),
        pytest.param({"a": []}, {"a": None}, id="an empty list, null"),
        pytest.param({"a": None}, {"a": 3}, id="null says nothing"),
        pytest.param({"emptyDir": {}}, {"emptyDir": {"medium": "Memory"}}, id="an empty mapping, filled by others"),
        pytest.param({"env": [{"name": "A"}]}, {"env": [{"name": "B"}, {"name": "A"}]}, id="an item of others"),
        pytest.param({"env": []}, {"env": [{"name": "B"}]}, id="only items of others"),
        pytest.param(
            {"ports": [{"containerPort": 1}]}, {"ports": [{"containerPort": 1, "protocol": "TCP"}]}, id="TCP is usual"
        ),
        pytest.param(
            {"ownerReferences": [{"uid": "1"}]}, {"ownerReferences": [{"uid": "2"}, {"uid": "1"}]}, id="owners by uid"
        ),
        pytest.param({"limits": {"cpu": 1}}, {"limits": {"cpu": "1000m"}}, id="amounts by value"),
        pytest.param({"limits": {"a.b/gpu": 1}}, {"limits": {"a.b/gpu": "1"}}, id="amounts of a device"),
        pytest.param({"emptyDir": {"sizeLimit": "0.5Gi"}}, {"emptyDir": {"sizeLimit": "512Mi"}}, id="size limits"),
        pytest.param({"hostNetwork": False}, {}, id="false, left out"),
        pytest.param({"env": [{"name": "A", "value": ""}]}, {"env": [{"name": "A"}]}, id="empty text, left out"),
        pytest.param(
            {"items": [{"fieldRef": {"fieldPath": "x"}}]},
            {"items": [{"fieldRef": {"fieldPath": "x", "apiVersion": "v1"}}]},
            id="a default in a list",
        ),
    ],
)
def test_no_difference(wanted: Any, there: Any) -> None:
    assert difference(wanted, there) is None


@pytest.mark.parametrize(
    ("wanted", "there", "told"),
    [
        pytest.param({"spec": {"replicas": 3}}, {"spec": {"replicas": 2}}, "spec.replicas: 3, not 2", id="a number"),
        pytest.param({"a": "b"}, {"a": "c"}, 'a: "b", not "c"', id="a text"),
        pytest.param({"a": "b"}, {}, 'a: "b", not null', id="absent"),
        pytest.param({"a": {"b": 1}}, {"a": 3}, 'a: {"b":1}, not 3', id="another type"),
        pytest.param({"a": False}, {}, "a: false, not null", id="false is not absent"),
        pytest.param({"data": {"f": "x" * 99}}, {"data": {"f": "y"}}, "data.f: differs", id="a long text"),
        pytest.param(
            {"env": [{"name": "A", "value": "s"}]},
            {"env": [{"name": "A", "value": "t"}]},
            "env[A].value: differs",
            id="a variable, untold",
        ),
        pytest.param({"env": [{"name": "A"}]}, {"env": [{"name": "B"}]}, "env[A]: missing", id="an item"),
        pytest.param({"env": [{"name": "A"}]}, {}, "env[A]: missing", id="no items"),
        pytest.param(
            {"ports": [{"port": 80, "targetPort": 1}]},
            {"ports": [{"port": 80, "protocol": "UDP"}]},
            "ports[80/TCP]: missing",
            id="another protocol",
        ),
        pytest.param({"args": ["a"]}, {"args": ["a", "b"]}, "args: 1 items, not 2", id="one more"),
        pytest.param({"args": ["a", "b"]}, {"args": ["a", "c"]}, 'args[1]: "b", not "c"', id="one of a list"),
        pytest.param({"egress": []}, {"egress": [{}]}, "egress: 0 items, not 1", id="no items wanted"),
        pytest.param(
            {"selector": LABELS}, {"selector": {**LABELS, "b": "2"}}, "selector.b: not wanted", id="a selector's own"
        ),
        pytest.param(
            {"selector": {"matchLabels": LABELS}},
            {"selector": {"matchLabels": {**LABELS, "b": "2"}}},
            "selector.matchLabels.b: not wanted",
            id="deep in a selector",
        ),
        pytest.param(
            {"from": [{"podSelector": {}}]},
            {"from": [{"podSelector": {}, "namespaceSelector": {}}]},
            "from[0].namespaceSelector: not wanted",
            id="a wider peer",
        ),
        pytest.param(
            {"from": [{"ports": [{"port": 1}]}]},
            {"from": [{"ports": [{"port": 1}, {"port": 2}]}]},
            "from[0].ports: 1 items, not 2",
            id="ports within a list are one value",
        ),
        pytest.param({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, 'limits.cpu: "1", not "2"', id="amounts"),
        pytest.param({"args": ["1"]}, {"args": ["1000m"]}, 'args[0]: "1", not "1000m"', id="no amount"),
    ],
)
def test_a_difference_is_told(wanted: Any, there: Any, told: str) -> None:
    assert difference(wanted, there) == told


@pytest.mark.parametrize("name", NAMES)
def test_every_value_that_we_write_is_watched(name: str) -> None:
    for manifest in desired(golden_pool(name, uid="1"), PLATFORM).values():
        for path in leaves(manifest):
            if get(manifest, path) is not None:
                assert difference(manifest, changed(manifest, path)) is not None, path


Path_ = tuple[str | int, ...]


def leaves(value: Any) -> Iterator[Path_]:
    """Where the values are that hold no others."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [(key, *path) for key, member in members for path in leaves(member)]
    yield from inner
    if not inner and not isinstance(value, dict | list):
        yield ()


def get(value: Any, path: Path_) -> Any:
    for step in path:
        value = value[step]
    return value


def changed(manifest: Any, path: Path_) -> Any:
    """A copy with another value at `path`."""
    copied = copy.deepcopy(manifest)
    value = get(copied, path)
    get(copied, path[:-1])[path[-1]] = not value if isinstance(value, bool) else f"{value}x"
    return copied
