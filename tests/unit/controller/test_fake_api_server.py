"""The fake behaves as an API server does, where the tests of the operator rely on that."""

import asyncio
from typing import Any

import pytest

from tests.unit.controller.fake_api_server import FakeApiServer
from tests.unit.controller.fake_cluster import FakeCluster
from tests.unit.controller.virtual_time import let_pass, virtual_time
from tyrex_pool.cluster.errors import ClusterUnavailable, Conflict, NotFound
from tyrex_pool.model.kinds import CONFIG_MAP, DEPLOYMENT, POD, TYREX_POOL, Kind


def item(kind: Kind, **members: Any) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "a", "namespace": "web"}, **members}


def env(*names: str) -> dict[str, Any]:
    return item(DEPLOYMENT, spec={"env": [{"name": name} for name in names], "args": list(names)})


@virtual_time
async def test_versions_and_generations() -> None:
    server = FakeApiServer()
    made = server.apply(item(TYREX_POOL, spec={"size": 1}, status={"ignored": True}))
    assert "status" not in made
    assert (made["metadata"]["generation"], made["metadata"]["resourceVersion"]) == (1, "1")
    assert server.apply(item(TYREX_POOL, spec={"size": 1})) == made, "nothing changes"
    status = server.apply(item(TYREX_POOL, status={"size": 1}), "status")
    assert (status["metadata"]["generation"], status["metadata"]["resourceVersion"]) == (1, "2")
    changed = server.merge(TYREX_POOL, "a", {"spec": {"size": 2}})
    assert (changed["metadata"]["generation"], changed["status"]) == (2, {"size": 1})


@virtual_time
async def test_an_apply_removes_what_it_does_not_mention_any_more_and_keeps_what_is_not_its_own() -> None:
    server = FakeApiServer()
    server.apply(env("A", "B"))
    server.merge(DEPLOYMENT, "a", {"spec": {"env": [{"name": "A"}, {"name": "B"}, {"name": "C"}], "replicas": 2}})
    spec = server.apply(env("B", "D"))["spec"]
    assert [entry["name"] for entry in spec["env"]] == ["B", "C", "D"]
    assert (spec["args"], spec["replicas"]) == (["B", "D"], 2)


@virtual_time
async def test_stale_and_double_writes_are_conflicts() -> None:
    server = FakeApiServer()
    first = server.create(item(CONFIG_MAP, data={"a": "1"}))
    server.merge(CONFIG_MAP, "a", {"data": {"a": "2"}})
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}}
    with pytest.raises(Conflict):
        server.create(item(CONFIG_MAP))
    with pytest.raises(Conflict):
        server.merge(CONFIG_MAP, "a", stale)
    with pytest.raises(Conflict):
        server.replace(CONFIG_MAP, "a", first)
    with pytest.raises(Conflict):
        server.apply({**item(CONFIG_MAP), "metadata": {"name": "a", "namespace": "web", "uid": "another"}})
    with pytest.raises(NotFound):
        server.apply(item(TYREX_POOL, status={}), "status")


@virtual_time
async def test_a_finalizer_holds_a_deleted_object() -> None:
    server = FakeApiServer()
    server.create(item(TYREX_POOL, spec={}))
    server.merge(TYREX_POOL, "a", {"metadata": {"finalizers": ["x", "y"]}})
    server.delete(TYREX_POOL, "a")
    assert server.read(TYREX_POOL, "a")["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    server.merge(TYREX_POOL, "a", {"metadata": {"finalizers": ["y"]}})
    assert server.find(TYREX_POOL, "a") is not None
    server.merge(TYREX_POOL, "a", {"metadata": {"finalizers": []}})
    assert server.find(TYREX_POOL, "a") is None


@virtual_time
async def test_pods_end_by_their_kubelet_and_children_with_their_owner() -> None:
    server = FakeApiServer()
    owner = server.create(item(DEPLOYMENT, spec={}))["metadata"]["uid"]
    server.create(item(POD))
    server.merge(POD, "a", {"metadata": {"ownerReferences": [{"uid": owner}]}})
    server.collect_garbage()
    assert "deletionTimestamp" not in server.read(POD, "a")["metadata"]
    server.delete(DEPLOYMENT, "a")
    server.collect_garbage()
    assert "deletionTimestamp" in server.read(POD, "a")["metadata"]
    server.delete(POD, "a", grace=0)
    assert server.find(POD, "a") is None


@virtual_time
async def test_selectors_and_failures() -> None:
    server = FakeApiServer()
    cluster = FakeCluster(server)
    server.create(item(CONFIG_MAP))
    server.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"x": "1"}}})
    for labels, fields, found in (("x", None, 1), ("x=1", "metadata.name=a", 1), ("x=2", None, 0), ("y", None, 0)):
        assert len(await cluster.list(CONFIG_MAP, None, labels=labels, fields=fields)) == found
    cluster.fail("get ConfigMap a", ClusterUnavailable("no"))
    with pytest.raises(ClusterUnavailable):
        await cluster.get(CONFIG_MAP, "web", "a")
    assert await cluster.get(CONFIG_MAP, "web", "a") == server.read(CONFIG_MAP, "a")
    assert await cluster.merge(CONFIG_MAP, "web", "b", {}) is None
    assert not await cluster.delete(CONFIG_MAP, "web", "b")


@virtual_time
async def test_a_watch_sees_every_change_whatever_happens_to_its_connection() -> None:
    server = FakeApiServer()
    cluster = FakeCluster(server)
    seen: list[str] = []

    async def watch() -> None:
        async for what, key, _ in cluster.changes(CONFIG_MAP, "web", labels="x", metadata_only=True):
            seen.append(f"{what.value} {key}".strip())

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch())
        await let_pass(1)
        server.create(item(CONFIG_MAP))
        server.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"x": "1"}}})
        await let_pass(1)
        cluster.end_watches(ClusterUnavailable("reset"))
        server.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"x": "2"}}})
        await let_pass(10)
        cluster.send_bookmarks()
        await let_pass(1)
        cluster.expire_watches()
        server.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"x": None}}})
        server.forget_history()
        await let_pass(10)
        assert cluster.open_watches == 1
        task.cancel()
    assert seen == [
        "listing", "synced", "set web/a", "set web/a", "listing", "deleted web/a", "synced",
    ]  # fmt: skip
