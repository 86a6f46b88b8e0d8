import copy
from typing import Any

import pytest

from tyrex_pool.plan.overlay import laid_over

BASE: dict[str, Any] = {
    "grace": 30,
    "security": {"user": 1, "group": 2},
    "containers": [{"name": "main", "image": "a", "args": ["x"], "mounts": [{"name": "tmp"}]}],
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
}


@pytest.mark.parametrize(
    ("over", "changes"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"grace": 5}, {"grace": 5}, id="a value"),
        pytest.param({"node": {"disk": "ssd"}}, {"node": {"disk": "ssd"}}, id="something new"),
        pytest.param({"security": {"user": 9}}, {"security": {"user": 9, "group": 2}}, id="a mapping"),
        pytest.param({"security": {"user": None}}, {"security": {"group": 2}}, id="null removes"),
        pytest.param({"grace": {"a": None, "b": 1}}, {"grace": {"b": 1}}, id="another type"),
        pytest.param(
            {"containers": [{"name": "main", "image": "b", "args": ["y", "z"]}]},
            {"containers": [{"name": "main", "image": "b", "args": ["y", "z"], "mounts": [{"name": "tmp"}]}]},
            id="an item by its name",
        ),
        pytest.param(
            {"containers": [{"name": "side", "image": None}]},
            {"containers": [*BASE["containers"], {"name": "side"}]},
            id="an item more",
        ),
        pytest.param(
            {"containers": [{"image": "c"}]},
            {"containers": [*BASE["containers"], {"image": "c"}]},
            id="an item without a name takes nobody's place",
        ),
        pytest.param(
            {"volumeMounts": [{"name": "tmp", "mountPath": "/a"}, {"name": "big", "mountPath": "/tmp"}]},
            {"volumeMounts": [{"name": "big", "mountPath": "/tmp"}, {"name": "tmp", "mountPath": "/a"}]},
            id="mounts by their path",
        ),
    ],
)
def test_laid_over(over: Any, changes: Any) -> None:
    before = copy.deepcopy((BASE, over))
    assert laid_over(BASE, over) == {**BASE, **changes}
    assert (BASE, over) == before, "neither is changed"


def test_null_removes_at_the_top() -> None:
    assert "grace" not in laid_over(BASE, {"grace": None})
