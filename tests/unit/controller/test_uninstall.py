"""Deleting every pool: which, what is reported meanwhile, and when it ends."""

from typing import Any

import pytest

from tyrex_pool.cluster.errors import ClusterError, Forbidden
from tyrex_pool.controller.uninstall import remove_pools
from tyrex_pool.model import names
from tyrex_pool.model.kinds import Kind


class Pools:
    """Some `namespace/name`; a deleted one is gone after `slow` lists. `later` come when the first one is deleted."""

    def __init__(self, *paths: str, slow: float = 1, later: tuple[str, ...] = ()) -> None:
        self.left: dict[str, float | None] = dict.fromkeys(paths)
        self.slow = slow
        self.later = later

    async def list(self, kind: Kind, namespace: str | None) -> list[dict[str, Any]]:
        assert kind.name == "TyrexPool"
        self.left = {name: wait if wait is None else wait - 1 for name, wait in self.left.items() if wait != 0}
        split = [(*name.split("/"), wait) for name, wait in self.left.items()]
        return [
            {"metadata": {"namespace": where, "name": name} | ({} if wait is None else {"deletionTimestamp": "now"})}
            for where, name, wait in split
            if namespace in (None, where)
        ]

    async def delete(self, kind: Kind, namespace: str, name: str) -> bool:
        assert self.left[f"{namespace}/{name}"] is None, "it goes already"
        self.left[f"{namespace}/{name}"] = self.slow
        self.left.update(dict.fromkeys(self.later))
        self.later = ()
        return True


class Refusing(Pools):
    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    async def list(self, kind: Kind, namespace: str | None) -> list[dict[str, Any]]:
        raise (Forbidden if self.status == 403 else ClusterError)("no", self.status)


async def test_none() -> None:
    reports: list[str] = []
    assert await remove_pools(Pools(), [], 60, reports.append, 0) == []
    assert reports == []


async def test_all_of_them() -> None:
    pools = Pools("a/one", "b/two", slow=3)
    reports: list[str] = []
    assert await remove_pools(pools, [], 60, reports.append, 0) == []
    assert reports == ["2 pools are going: a/one, b/two"]
    assert pools.left == {}


async def test_those_of_some_namespaces() -> None:
    pools = Pools("a/one", "b/two", "c/three")
    assert await remove_pools(pools, ["a", "c"], 60, lambda _: None, 0) == []
    assert pools.left == {"b/two": None}


class Claimed(Pools):
    """Each belongs to the operator with the Lease `system/NAME` of its namespace, if that is a letter."""

    async def list(self, kind: Kind, namespace: str | None) -> list[dict[str, Any]]:
        found = await super().list(kind, namespace)
        for pool in found:
            lease = pool["metadata"]["namespace"]
            pool["metadata"]["annotations"] = {} if lease == "free" else {names.ANNOTATION_OPERATOR: f"system/{lease}"}
        return found


@pytest.mark.parametrize(
    ("claim", "left"),
    [
        pytest.param("system/a", {"b/two": None}, id="those of another operator stay"),
        pytest.param(None, {}, id="an operator without a claim"),
    ],
)
async def test_those_of_the_operator_that_goes(claim: str | None, left: dict[str, Any]) -> None:
    pools = Claimed("a/one", "b/two", "free/three")
    assert await remove_pools(pools, [], 60, lambda _: None, 0, claim) == []
    assert pools.left == left


async def test_those_that_come_meanwhile() -> None:
    reports: list[str] = []
    assert await remove_pools(Pools("a/one", later=("a/two",)), [], 60, reports.append, 0) == []
    assert reports == ["1 pool is going: a/one", "2 pools are going: a/one, a/two", "1 pool is going: a/two"]


async def test_the_deadline() -> None:
    assert await remove_pools(Pools("a/one", "a/two", slow=1e9), [], 0.01, lambda _: None, 0) == ["a/one", "a/two"]


async def test_without_a_crd_there_are_none() -> None:
    assert await remove_pools(Refusing(404), [], 60, lambda _: None, 0) == []


async def test_a_refusal_is_told_at_once_and_another_trouble_at_the_end() -> None:
    reports: list[str] = []
    with pytest.raises(Forbidden):
        await remove_pools(Refusing(403), [], 60, reports.append, 0)
    assert not reports
    with pytest.raises(ClusterError):
        await remove_pools(Refusing(500), [], 0.05, reports.append, 0)
    assert reports
