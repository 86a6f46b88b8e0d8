"""Bad input does not stop repair: what was last applied as a whole is kept, by an operator that has restarted too."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.controller.transcript import CHILDREN, PROXY, RUNTIME, pods_follow
from tests.unit.controller.virtual_time import let_pass, virtual_time
from tests.unit.controller.world import POOL, World, running
from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model.kinds import BY_NAME, CONFIG_MAP, DEPLOYMENT, NETWORK_POLICY, SERVICE, TYREX_POOL, Kind

INVALID = ClusterError("is invalid: data: Too long", 422)


def lose_config_map(world: World) -> None:
    world.server.delete(CONFIG_MAP, "code")


def lose_entrypoint(world: World) -> None:
    world.put_config_map("code", **{"main.ts": None})  # type: ignore[arg-type] # null removes


def rename_config_map(world: World) -> None:
    world.edit_pool(mainModule={"configMap": {"name": "other"}})


def misspell_permissions(world: World) -> None:
    world.edit_pool(permissions={"alow": {}})


def unknown_strategy(world: World) -> None:
    world.edit_pool(strategy={"type": "Best"})


def heap_of_bytes(world: World) -> None:
    world.edit_pool(limits={"heap": "1"})


def wrong_duration(world: World) -> None:
    world.edit_pool(timeouts={"eval": "soon"})


def another_isolation(world: World) -> None:
    world.edit_pool(isolation="PerEval")


def refused_child(world: World) -> None:
    """What the API server refuses is as bad an input."""
    for verb in ("apply", "merge"):
        world.cluster.fail(f"{verb} ConfigMap p-runtime", INVALID, times=10_000)
    world.edit_pool(concurrency=7)


BAD: dict[str, Callable[[World], None]] = {
    one.__name__: one
    for one in (
        lose_config_map,
        lose_entrypoint,
        rename_config_map,
        misspell_permissions,
        unknown_strategy,
        heap_of_bytes,
        wrong_duration,
        another_isolation,
        refused_child,
    )
}
every_bad_input = pytest.mark.parametrize("bad", [pytest.param(one, id=name) for name, one in BAD.items()])
SPEC: dict[str, Any] = {
    "size": 2,
    "permissions": {"allow": {"net": ["api.example.com"]}},
    "mainModule": {"configMap": {"name": "code", "entrypoint": "main.ts"}},
}


async def good(world: World) -> None:
    world.put_config_map("code", **{"main.ts": "export {}", "other.ts": ""})
    world.create_pool(**SPEC)
    await let_pass(2)
    pods_follow(world)
    await let_pass(15)
    assert world.ready == "True Ready"
    world.cluster.take_log()


def spec(world: World, kind: Kind, name: str) -> Object:
    found: Object = world.server.read(kind, name)["spec"]
    return found


@pytest.mark.parametrize("restarts", [pytest.param(False, id="running"), pytest.param(True, id="restarted")])
@every_bad_input
@virtual_time
async def test_what_the_bad_part_does_not_touch_is_repaired_and_scaled(
    bad: Callable[[World], None], restarts: bool
) -> None:
    async with running() as world:
        await good(world)
        before = {name: spec(world, DEPLOYMENT, name) for name in ("p-runtime", "p-proxy")}
        bad(world)
        await let_pass(5)
        if restarts:
            await world.stop()
            world.start()
            await let_pass(5)
        reason = world.ready
        assert reason in ("False ConfigMapNotFound", "False InvalidSpec", "False ApplyFailed")
        world.cluster.take_log()
        for kind, name in ((SERVICE, POOL), (NETWORK_POLICY, "p-runtime")):
            world.server.delete(kind, name)
        world.server.merge(DEPLOYMENT, "p-proxy", {"spec": {"template": {"spec": {"hostPID": True}}}})
        world.edit_pool(size=3)
        world.edit_pool(proxy={"replicas": 4})
        await let_pass(5)
        assert world.server.find(SERVICE, POOL) is not None
        assert world.server.find(NETWORK_POLICY, "p-runtime") is not None
        assert spec(world, DEPLOYMENT, "p-runtime") == {**before["p-runtime"], "replicas": 3}
        assert spec(world, DEPLOYMENT, "p-proxy")["replicas"] == 4
        if not (bad is refused_child and restarts):
            assert spec(world, DEPLOYMENT, "p-proxy") == {**before["p-proxy"], "replicas": 4}
        assert world.condition("Available") == "True Available"
        assert world.ready == reason


@every_bad_input
@virtual_time
async def test_every_child_that_is_deleted_is_made_again(bad: Callable[[World], None]) -> None:
    async with running() as world:
        await good(world)
        bad(world)
        await let_pass(5)
        for child in CHILDREN:
            kind_name, name = child.split()
            if (bad, child) == (refused_child, "ConfigMap p-runtime"):
                continue
            kind = next(kind for (_, known), kind in BY_NAME.items() if known == kind_name)
            before = world.server.read(kind, name).get("spec")
            world.server.delete(kind, name)
            await let_pass(2)
            assert world.server.read(kind, name).get("spec") == before or kind == SERVICE


@every_bad_input
@virtual_time
async def test_it_costs_nothing_at_rest_and_the_good_spec_is_applied_in_the_end(bad: Callable[[World], None]) -> None:
    async with running() as world:
        await good(world)
        bad(world)
        await let_pass(60)
        world.cluster.take_log()
        await let_pass(600)
        assert world.cluster.take_log() == []
        world.cluster.heal()
        world.put_config_map("code", **{"main.ts": "export {}", "other.ts": ""})
        world.server.replace(TYREX_POOL, POOL, {**world.server.read(TYREX_POOL, POOL), "spec": SPEC})
        await let_pass(15)
        pods_follow(world)
        await let_pass(15)
        assert world.ready == "True Ready"


@virtual_time
async def test_a_widened_access_waits_for_the_rest_of_its_spec() -> None:
    """A mixture of two specs is one that nobody has written."""
    async with running() as world:
        await good(world)
        before = spec(world, NETWORK_POLICY, "p-proxy")
        world.edit_pool(access={"from": "Cluster"}, permissions={"alow": {}, "allow": None})
        await let_pass(5)
        assert (world.ready, spec(world, NETWORK_POLICY, "p-proxy")) == ("False InvalidSpec", before)


@virtual_time
async def test_with_its_config_map_missing_the_rest_of_a_valid_spec_is_applied() -> None:
    async with running() as world:
        await good(world)
        lose_config_map(world)
        world.edit_pool(access={"from": "Cluster"}, proxy={"image": "a/b:2"})
        await let_pass(5)
        assert spec(world, NETWORK_POLICY, "p-proxy")["ingress"][0]["from"][0] == {"namespaceSelector": {}}
        assert world.ready == "False ConfigMapNotFound"
        assert {RUNTIME, PROXY} & set(world.cluster.take_log()) == {PROXY}


@pytest.mark.parametrize("numbers", [{"size": -1}, {"size": "many"}, {"proxy": {"replicas": 101}}, {"proxy": 3}])
@virtual_time
async def test_a_number_that_is_wrong_itself_changes_nothing(numbers: Object) -> None:
    async with running() as world:
        await good(world)
        world.edit_pool(**numbers)
        await let_pass(5)
        assert world.ready == "False InvalidSpec"
        assert [line for line in world.cluster.take_log() if "Deployment" in line] == []


@virtual_time
async def test_an_inline_module_is_kept_and_not_noted_twice() -> None:
    async with running() as world:
        world.create_pool(**{**SPEC, "mainModule": {"inline": "globalThis.secret = 1"}})
        await let_pass(5)
        pods_follow(world)
        await let_pass(15)
        assert "secret" not in world.server.read(TYREX_POOL, POOL)["status"]["appliedSpec"]
        before = spec(world, DEPLOYMENT, "p-runtime")
        misspell_permissions(world)
        await world.stop()
        world.start()
        await let_pass(5)
        world.server.merge(DEPLOYMENT, "p-runtime", {"spec": {"paused": True}})
        await let_pass(5)
        assert spec(world, DEPLOYMENT, "p-runtime") == before


@virtual_time
async def test_what_somebody_edited_is_not_taken_for_what_was_applied() -> None:
    async with running() as world:
        await good(world)
        await world.stop()
        lose_config_map(world)
        world.server.merge(CONFIG_MAP, "p-runtime", {"data": {"pool.yaml": "kind: TyrexPool"}})
        world.start()
        await let_pass(5)
        assert world.ready == "False ConfigMapNotFound"
        assert [line for line in world.cluster.take_log() if line != "apply status of TyrexPool p"] == []


@virtual_time
async def test_a_pool_that_was_never_good_has_no_children() -> None:
    async with running() as world:
        world.create_pool(permissions={"alow": {}})
        await let_pass(5)
        assert (world.ready, world.server.names(DEPLOYMENT)) == ("False InvalidSpec", [])


@virtual_time
async def test_a_paused_pool_without_its_service_is_not_available() -> None:
    async with running() as world:
        await good(world)
        world.annotate_pool("tyrex.dev/paused", "true")
        world.server.merge(SERVICE, POOL, {"spec": {"selector": {"app": "mine"}}})
        await let_pass(15)
        assert world.condition("Available") == "False NoService"
        assert world.ready == "False Paused"
