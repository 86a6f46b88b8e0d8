"""Only what a pool owns is counted, changed and deleted, whatever labels say; and how pools of one name follow each
other."""

from typing import Any

import pytest

from tests.unit.controller.fake_api_server import NAMESPACE
from tests.unit.controller.transcript import (
    BUDGETS,
    SETTLED,
    SMALL,
    STATUS,
    Step,
    create,
    expected,
    made,
    play,
    pod_status,
)  # fmt: skip
from tests.unit.controller.virtual_time import let_pass, until, virtual_time
from tests.unit.controller.world import POOL, World, running
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model import names
from tyrex_pool.model.kinds import CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET, SERVICE, TYREX_POOL, Kind

LABELS = {names.LABEL_POOL: POOL, names.LABEL_COMPONENT: names.COMPONENT_PROXY}
OURS = {**LABELS, names.LABEL_MANAGED_BY: names.MANAGED_BY}


def put(world: World, kind: Kind, name: str, *owners: Object, **members: Any) -> Object:
    """An object of somebody else with the labels of the pool's proxies."""
    about: Object = {"name": name, "namespace": NAMESPACE, "labels": OURS}
    if owners:
        about["ownerReferences"] = list(owners)
    return world.server.create({"apiVersion": kind.api_version, "kind": kind.name, "metadata": about, **members})


def owned_by(kind: str, name: str, uid: str, api_version: str = "apps/v1", controller: bool = True) -> Object:
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": controller}


def somebody(world: World) -> str:
    """The UID of another owner."""
    world.put_config_map("owner")
    return str(world.server.read(CONFIG_MAP, "owner")["metadata"]["uid"])


def bare_pod(world: World) -> None:
    put(world, POD, "mine")


def pod_of_another_set(world: World) -> None:
    replica_set = put(world, REPLICA_SET, "p-proxy-mine")
    put(world, POD, "mine", owned_by("ReplicaSet", "p-proxy-mine", replica_set["metadata"]["uid"]))


def pod_of_another_deployment(world: World) -> None:
    replica_set = put(world, REPLICA_SET, "other-1", owned_by("Deployment", "other", somebody(world)))
    put(world, POD, "mine", owned_by("ReplicaSet", "other-1", replica_set["metadata"]["uid"]))


def pod_of_a_job(world: World) -> None:
    put(world, POD, "mine", owned_by("Job", "p-proxy-job", somebody(world), "batch/v1"))


def pod_that_only_refers_to_ours(world: World) -> None:
    (own, *_) = world.server.select(REPLICA_SET, NAMESPACE, names.selector(POOL, names.COMPONENT_PROXY))
    theirs = owned_by("App", "app", somebody(world))
    put(world, POD, "mine", owned_by("ReplicaSet", "p-proxy-1", own["metadata"]["uid"], controller=False), theirs)


def pod_of_a_stateful_set(world: World) -> None:
    put(world, POD, "mine", owned_by("StatefulSet", "p-proxy", somebody(world)))


STRANGERS = [
    bare_pod,
    pod_of_another_set,
    pod_of_another_deployment,
    pod_of_a_job,
    pod_that_only_refers_to_ours,
    pod_of_a_stateful_set,
]
every_stranger = pytest.mark.parametrize("stranger", [pytest.param(one, id=one.__name__) for one in STRANGERS])


async def deleted(world: World, **options: Any) -> None:
    """The pool is deleted and everything that the cluster does about it has happened."""
    world.server.delete(TYREX_POOL, POOL, **options)
    for _ in range(4):
        await let_pass(2)
        world.workloads.settle()
    await let_pass(2)


@every_stranger
@virtual_time
async def test_a_pod_of_somebody_else_neither_goes_with_the_pool_nor_holds_it_up(stranger: Any) -> None:
    async with running() as world:
        await play(world, SMALL)
        stranger(world)
        await let_pass(1)
        await deleted(world)
        assert world.server.find(TYREX_POOL, POOL) is None
        assert world.server.names(POD) == ["mine"]
        assert "deletionTimestamp" not in world.server.read(POD, "mine")["metadata"]


@every_stranger
@virtual_time
async def test_a_pod_of_somebody_else_is_no_trouble_of_the_pool(stranger: Any) -> None:
    async with running() as world:
        await play(world, SMALL)
        stranger(world)
        waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
        status = {"containerStatuses": [{"name": "proxy", "image": "a", "state": {"waiting": waiting}}]}
        world.server.set_status(POD, "mine", status)
        world.edit_pool(size=2)
        await let_pass(5)
        assert world.ready == "False Updating"


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
@pytest.mark.parametrize("component", ["p-proxy", "p-runtime"])
@virtual_time
async def test_a_finished_pod_does_not_hold_up_a_deletion(component: str, phase: str) -> None:
    async with running() as world:
        await play(world, SMALL)
        pod_status(component, phase=phase, reason="Evicted")(world)
        world.workloads.roll_out(world.server.read(DEPLOYMENT, component))
        await let_pass(15)
        world.cluster.take_log()
        await deleted(world)
        assert world.server.find(TYREX_POOL, POOL) is None
        assert not [line for line in world.cluster.take_log() if line.startswith("delete within")]


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
@virtual_time
async def test_a_finished_pod_is_no_trouble(phase: str) -> None:
    async with running() as world:
        await play(world, SMALL)
        why = [{"type": "PodScheduled", "status": "False", "message": "no room"}]
        pod_status("p-proxy", phase=phase, conditions=why)(world)
        world.workloads.roll_out(world.server.read(DEPLOYMENT, "p-proxy"))
        await let_pass(15)
        assert world.ready == "True Ready"


@pytest.mark.parametrize("kind", [DEPLOYMENT, SERVICE, CONFIG_MAP])
@virtual_time
async def test_a_child_s_name_with_our_labels_and_another_owner_is_left_alone(kind: Kind) -> None:
    name = POOL if kind == SERVICE else "p-runtime"
    async with running() as world:
        spec = {"replicas": 0, "template": {"metadata": {"labels": {}}}, "clusterIP": "10.0.0.9"}
        theirs = put(world, kind, name, owned_by("App", "app", somebody(world)), spec=spec)
        world.create_pool(size=1, proxy={"replicas": 1})
        await let_pass(15)
        assert world.ready == "False ApplyFailed"
        assert world.server.read(kind, name) == theirs
        await deleted(world)
        assert world.server.find(TYREX_POOL, POOL) is None
        left = world.server.read(kind, name)
        assert (left["spec"], left["metadata"]["uid"]) == (spec, theirs["metadata"]["uid"])


@virtual_time
async def test_an_operator_that_starts_during_a_deletion_waits_for_the_pods_that_are_left() -> None:
    """Their ReplicaSets are gone already."""
    async with running() as world:
        await play(world, SMALL)
        world.server.delete(TYREX_POOL, POOL)
        await let_pass(1)
        world.workloads.settle()
        await let_pass(2)
        world.server.collect_garbage()
        (pod,) = world.server.select(POD, NAMESPACE)
        assert pod["metadata"]["deletionTimestamp"]
        assert world.server.names(REPLICA_SET) == []
        await world.stop()
        world.start()
        await let_pass(5)
        assert world.server.find(TYREX_POOL, POOL) is not None
        world.workloads.end_pods()
        await let_pass(2)
        assert world.server.find(TYREX_POOL, POOL) is None


# Deletion that leaves the children


async def adopted(world: World, pods: list[str]) -> None:
    """A pool of the same name takes over what is there, with one write for each child and without a new pod."""
    world.cluster.take_log()
    await play(world, [Step(create(size=1, proxy={"replicas": 1}), [], "")])
    world.workloads.settle()
    await let_pass(15)
    assert world.ready == "True Ready"
    assert world.server.names(POD) == pods
    await let_pass(1)
    world.cluster.take_log()
    await let_pass(600)
    assert world.cluster.take_log() == []


def owner_uids(world: World) -> set[str]:
    uids = set()
    for kind in (DEPLOYMENT, SERVICE, CONFIG_MAP):
        for item in world.server.select(kind, NAMESPACE):
            uids |= {owner["uid"] for owner in item["metadata"].get("ownerReferences", ())}
    return uids


@virtual_time
async def test_orphaned_children_stay_and_a_new_pool_of_the_name_adopts_them() -> None:
    async with running() as world:
        await play(world, SMALL)
        pods = world.server.names(POD)
        await deleted(world, orphan=True)
        assert world.server.find(TYREX_POOL, POOL) is None
        assert world.cluster.take_log() == ["merge TyrexPool p"]
        assert world.server.names(POD) == pods
        assert owner_uids(world) == set()
        await adopted(world, pods)
        assert owner_uids(world) == {world.server.read(TYREX_POOL, POOL)["metadata"]["uid"]}


@virtual_time
async def test_children_that_were_orphaned_while_no_operator_ran_stay() -> None:
    async with running() as world:
        await play(world, SMALL)
        pods = world.server.names(POD)
        await world.stop()
        world.server.delete(TYREX_POOL, POOL, orphan=True)
        world.workloads.settle()
        assert world.server.read(TYREX_POOL, POOL)["metadata"]["finalizers"] == [names.FINALIZER]
        world.cluster.take_log()
        world.start()
        await let_pass(15)
        assert world.server.find(TYREX_POOL, POOL) is None
        assert world.cluster.take_log() == [STATUS, "merge TyrexPool p"]
        assert world.server.names(POD) == pods


@virtual_time
async def test_a_pool_that_is_made_again_at_once_is_another_one() -> None:
    async with running() as world:
        await play(world, SMALL)
        old = world.server.read(TYREX_POOL, POOL)["metadata"]["uid"]
        world.server.delete(TYREX_POOL, POOL)
        for _ in range(8):
            world.workloads.settle()
            await let_pass(1)
            if world.server.find(TYREX_POOL, POOL) is None:
                break
        world.cluster.take_log()
        steps = [Step(create(size=1, proxy={"replicas": 1}), made(*BUDGETS), "False Starting"), SETTLED]
        assert await play(world, steps) == expected(steps)
        assert owner_uids(world) == {world.server.read(TYREX_POOL, POOL)["metadata"]["uid"]} != {old}


@virtual_time
async def test_children_of_a_former_pool_of_the_name_are_adopted() -> None:
    """Its finalizer was taken away, or it comes from a backup: the children refer to a UID that does not exist."""
    async with running() as world:
        await play(world, SMALL)
        pods = world.server.names(POD)
        world.server.merge(TYREX_POOL, POOL, {"metadata": {"finalizers": None}})
        world.server.delete(TYREX_POOL, POOL)
        await adopted(world, pods)
        assert owner_uids(world) == {world.server.read(TYREX_POOL, POOL)["metadata"]["uid"]}


@virtual_time
async def test_a_pool_and_its_children_from_a_backup() -> None:
    async with running() as world:
        await play(world, SMALL)
        backup = [strip(world.server.read(TYREX_POOL, POOL)), *children(world)]
        await deleted(world)
        assert world.server.names(DEPLOYMENT) == []
        for item in backup:
            if world.server.find(kind_of(item), item["metadata"]["name"]) is None:
                world.server.create(item)
        await let_pass(0.5)
        world.server.collect_garbage()
        await let_pass(5)
        world.workloads.settle()
        await until(lambda: world.ready == "True Ready")
        world.cluster.take_log()
        await let_pass(600)
        assert world.cluster.take_log() == []


def children(world: World) -> list[Object]:
    return [strip(item) for kind in (SERVICE, CONFIG_MAP, DEPLOYMENT) for item in world.server.select(kind, NAMESPACE)]


def kind_of(item: Object) -> Kind:
    return next(kind for kind in (TYREX_POOL, SERVICE, CONFIG_MAP, DEPLOYMENT) if kind.name == item["kind"])


def strip(item: Object) -> Object:
    """As a backup has it: without what the API server gave, but with the finalizers and the owners of that time."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in ("uid", "resourceVersion")}
    return {**item, "metadata": metadata}
