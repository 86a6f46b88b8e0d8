"""What the transcripts do not say: whole statuses, events, deadlines, and several pools or operators."""

import asyncio

import pytest

from tests.unit.controller.fake_api_server import NAMESPACE
from tests.unit.controller.transcript import (
    BUDGETS,
    DELETED,
    FINALIZER,
    NEW,
    RUNTIME,
    SETTLED,
    SMALL,
    STATUS,
    Step,
    create,
    delete_pool,
    edit,
    expected,
    half_rolled_out,
    made,
    nothing,
    play,
    pod_status,
)  # fmt: skip
from tests.unit.controller.virtual_time import let_pass, virtual_time
from tests.unit.controller.world import POOL, World, running
from tyrex_pool.cluster.errors import Forbidden
from tyrex_pool.controller.uninstall import remove_pools
from tyrex_pool.model import names
from tyrex_pool.model.kinds import DEPLOYMENT, EVENT, POD, SERVICE, TYREX_POOL


@virtual_time
async def test_the_conditions_until_a_pool_is_ready() -> None:
    kinds = ("Ready", "Available", "Progressing", "Reconciled")
    async with running() as world:
        world.create_pool(size=2)
        await let_pass(1)
        new = [world.condition(kind) for kind in kinds]
        world.workloads.settle()
        await let_pass(15)
        assert new == ["False Starting", "False NoRuntimeReady", "True Starting", "True Applied"]
        assert [world.condition(kind) for kind in kinds] == [
            "True Ready",
            "True Available",
            "False Settled",
            "True Applied",
        ]
        status = world.server.read(TYREX_POOL, POOL)["status"]
        assert (status["size"], status["readyRuntimes"], status["url"]) == (2, 2, "http://p.web.svc")
        assert world.events == ["Ready"]


@virtual_time
async def test_pods_that_cannot_run_are_reported_and_get_an_event() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    trouble = {"containerStatuses": [{"name": "runtime", "image": "a/b:1", "state": {"waiting": waiting}}]}
    steps = [
        *SMALL,
        Step(edit(runtime={"image": "a/b:1"}), ["apply ConfigMap p-runtime", RUNTIME, STATUS], "False Updating"),
        Step(half_rolled_out, [STATUS], "False Starting"),
        Step(pod_status("p-runtime", **trouble), [STATUS], "False ImagePullFailed"),
    ]
    async with running() as world:
        assert await play(world, steps) == expected(steps)
        (warning,) = [event for event in world.server.select(EVENT, None) if event["type"] == "Warning"]
        assert (warning["reason"], warning["involvedObject"]["name"]) == ("ImagePullFailed", POOL)


@virtual_time
async def test_past_the_deadline_what_should_have_ended_is_deleted_by_force_and_nothing_else() -> None:
    steps = [
        Step(create(size=1, proxy={"replicas": 1}, timeouts={"drain": "20s"}), made(*BUDGETS), "False Starting"),
        SETTLED,
        Step(delete_pool, [STATUS, "merge Deployment p-proxy"], "False Deleting", seconds=5),
        Step(half_rolled_out, [STATUS], "False Deleting", seconds=24),
        Step(nothing, ["delete within 0 s Pod p-proxy-2", *DELETED[:10], FINALIZER], "", seconds=2),
    ]
    async with running() as world:
        assert await play(world, steps) == expected(steps)


@virtual_time
async def test_a_restarted_operator_writes_nothing_to_a_pool_as_it_should_be() -> None:
    async with running() as world:
        await play(world, NEW)
        before = world.server.version
        await world.stop()
        world.start()
        await let_pass(600)
        assert (world.cluster.take_log(), world.ready, world.server.version) == ([], "True Ready", before)


@virtual_time
async def test_what_happened_while_no_operator_ran_is_made_up_for() -> None:
    async with running() as world:
        await play(world, NEW)
        await world.stop()
        world.server.delete(SERVICE, "p")
        world.server.delete(TYREX_POOL, POOL)
        world.create_pool("q", size=1, proxy={"replicas": 1})
        world.start()
        await let_pass(15)
        log = world.cluster.take_log()
        assert [line for line in log if " q" not in line][:2] == [STATUS, "merge Deployment p-proxy"]
        assert "apply Service q" in log
        assert "apply Service p" not in log


@virtual_time
async def test_a_pool_of_the_same_name_is_another_pool() -> None:
    async with running() as world:
        await play(world, SMALL)
        world.server.delete(TYREX_POOL, POOL)
        for _ in range(3):
            world.workloads.settle()
            await let_pass(15)
        assert world.server.names(DEPLOYMENT) == []
        world.cluster.take_log()
        steps = [Step(create(size=1, proxy={"replicas": 1}), made(*BUDGETS), "False Starting"), SETTLED]
        assert await play(world, steps) == expected(steps)


@virtual_time
async def test_uninstall_ends_when_the_operator_has_let_every_pool_go() -> None:
    async with running() as world:
        world.create_pool(size=1)
        world.create_pool("q", size=1)
        await let_pass(1)
        world.workloads.settle()
        await let_pass(15)
        reported: list[str] = []
        removing = asyncio.ensure_future(remove_pools(world.cluster, [], 60, reported.append))
        for _ in range(3):
            await let_pass(2)
            world.workloads.settle()
        assert await removing == []
        assert reported == ["2 pools are going: web/p, web/q"]
        assert world.server.names(DEPLOYMENT) == []


@virtual_time
async def test_a_defect_of_the_operator_does_not_stop_it(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as world:
        world.cluster.fail("apply ServiceAccount broken-proxy", KeyError("a defect"))
        world.create_pool("broken", size=1)
        world.create_pool(size=1)
        await let_pass(120)
        assert "web/broken: this is a defect of the operator" in caplog.text
        assert (world.condition("Ready", "broken"), world.ready) == ("False Starting", "False Starting")


def post(world: World, reason: str, message: str) -> None:
    """An event about the newest pod of the runtimes."""
    pod = [pod for pod in world.server.select(POD, None) if pod["metadata"]["name"].startswith("p-runtime")][-1]
    metadata = {"name": f"event-{reason.lower()}", "namespace": NAMESPACE}
    about = {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": about}
    world.server.create({**event, "type": "Warning", "reason": reason, "message": message})


WAITS = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}


@virtual_time
async def test_what_a_silent_pod_waits_for_is_in_its_events() -> None:
    async with running() as world:
        world.create_pool(size=1, proxy={"replicas": 1})
        await let_pass(1)
        half_rolled_out(world)
        pod_status("p-runtime", **WAITS)(world)
        post(world, "FailedMount", 'secret "keys" not found')
        await let_pass(2)
        young = world.ready
        await let_pass(15)
        assert (young, world.ready) == ("False Starting", "False MountFailed")
        assert 'secret "keys" not found' in world.server.read(TYREX_POOL, POOL)["status"]["conditions"][0]["message"]
        assert world.condition("Stalled") == "True MountFailed"
        world.workloads.settle()
        await let_pass(15)
        assert world.ready == "True Ready"


@virtual_time
async def test_an_operator_that_may_not_read_events_still_writes_a_status() -> None:
    async with running() as world:
        world.cluster.fail("list Event", Forbidden("may not list events", 403), times=1000)
        world.create_pool(size=1, proxy={"replicas": 1})
        await let_pass(1)
        half_rolled_out(world)
        pod_status("p-runtime", **WAITS)(world)
        await let_pass(30)
        assert world.ready == "False Starting"


@virtual_time
async def test_pods_of_an_older_template_are_not_blamed_after_a_correction() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    trouble = {"containerStatuses": [{"name": "runtime", "image": "a/b:1", "state": {"waiting": waiting}}]}
    async with running() as world:
        world.create_pool(size=1, proxy={"replicas": 1}, runtime={"image": "a/b:1"})
        await let_pass(1)
        half_rolled_out(world)
        pod_status("p-runtime", **trouble)(world)
        await let_pass(15)
        assert world.condition("Stalled") == "True ImagePullFailed"
        world.edit_pool(runtime={"image": "a/b:2"})
        await let_pass(5)
        assert world.condition("Stalled") == "False NotStalled"
        world.workloads.settle()
        await let_pass(15)
        assert world.ready == "True Ready"


def typed(world: World) -> list[tuple[str, str]]:
    """The events about pools, in their order."""
    found = world.server.select(EVENT, None)
    return [(event["type"], event["reason"]) for event in found if event["involvedObject"]["kind"] == names.KIND]


@virtual_time
async def test_a_pool_that_loses_its_pods_warns_and_says_when_it_is_back() -> None:
    async with running() as world:
        await play(world, NEW)
        half_rolled_out(world)
        await let_pass(15)
        world.workloads.settle()
        await let_pass(15)
        assert typed(world) == [("Normal", "Ready"), ("Warning", "Starting"), ("Normal", "Ready")]


@virtual_time
async def test_what_a_user_asks_for_is_no_reason_to_warn() -> None:
    async with running() as world:
        await play(world, NEW)
        for spec in ({"size": 4}, {"size": 1}, {"runtime": {"image": "a/b:2"}}):
            world.edit_pool(**spec)
            await let_pass(15)
            world.workloads.settle()
            await let_pass(15)
        assert {kind for kind, _ in typed(world)} == {"Normal"}


@virtual_time
async def test_a_pool_that_is_parked_and_used_again() -> None:
    async with running() as world:
        await play(world, NEW)
        for size in (0, 2):
            world.edit_pool(size=size)
            await let_pass(15)
            world.workloads.settle()
            await let_pass(15)
        assert typed(world) == [("Normal", "Ready"), ("Normal", "Parked"), ("Normal", "Ready")]
        assert world.ready == "True Ready"


@virtual_time
async def test_a_paused_pool_knows_the_generation_of_its_objects() -> None:
    async with running() as world:
        await play(world, NEW)
        world.annotate_pool(names.ANNOTATION_PAUSED, "true")
        world.edit_pool(size=3)
        await let_pass(15)
        status = world.server.read(TYREX_POOL, POOL)["status"]
        assert (status["observedGeneration"], status["appliedGeneration"]) == (2, 1)
        assert world.condition("Reconciled") == "False Paused"
        assert world.condition("Stalled") == "True Paused"
        await world.stop()
        world.start()
        await let_pass(15)
        assert world.server.read(TYREX_POOL, POOL)["status"]["appliedGeneration"] == 1
