"""What weakens security, stops rollouts or redirects requests comes back; what others may add stays."""

from typing import Any

import pytest

from tests.unit.controller.transcript import FINALIZER, SMALL, STATUS, change, play
from tests.unit.controller.virtual_time import let_pass, virtual_time
from tests.unit.controller.world import POOL, World, running
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model.kinds import DEPLOYMENT, EVENT, SERVICE, TYREX_POOL, Kind

RUNTIME = "p-runtime"


def pods(**spec: Any) -> tuple[Kind, str, Object]:
    return DEPLOYMENT, RUNTIME, {"spec": {"template": {"spec": spec}}}


def rollout(**spec: Any) -> tuple[Kind, str, Object]:
    return DEPLOYMENT, RUNTIME, {"spec": spec}


def service(**spec: Any) -> tuple[Kind, str, Object]:
    return SERVICE, POOL, {"spec": spec}


EDITS = [
    pytest.param(pods(hostPID=True), id="hostPID"),
    pytest.param(pods(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"), id="hostNetwork"),
    pytest.param(pods(hostIPC=True), id="hostIPC"),
    pytest.param(pods(shareProcessNamespace=True), id="shareProcessNamespace"),
    pytest.param(pods(hostAliases=[{"ip": "10.9.9.9", "hostnames": ["api"]}]), id="hostAliases"),
    pytest.param(pods(dnsConfig={"nameservers": ["10.9.9.9"]}), id="dnsConfig"),
    pytest.param(pods(initContainers=[{"name": "first", "image": "x"}]), id="initContainers"),
    pytest.param(pods(serviceAccountName="admin"), id="serviceAccountName"),
    pytest.param(pods(automountServiceAccountToken=True), id="the token"),
    pytest.param(pods(runtimeClassName="weaker"), id="runtimeClassName"),
    pytest.param(pods(priorityClassName="system-node-critical"), id="priorityClassName"),
    pytest.param(pods(nodeName="one"), id="nodeName"),
    pytest.param(pods(schedulerName="nobody"), id="schedulerName"),
    pytest.param(pods(nodeSelector={"never": "there"}), id="nodeSelector"),
    pytest.param(pods(readinessGates=[{"conditionType": "never"}]), id="readinessGates"),
    pytest.param(pods(securityContext={"runAsUser": 0, "runAsNonRoot": False}), id="root"),
    pytest.param(pods(securityContext={"sysctls": [{"name": "a", "value": "1"}]}), id="sysctls"),
    pytest.param(pods(securityContext={"supplementalGroups": [0]}), id="supplementalGroups"),
    pytest.param(rollout(paused=True), id="kubectl rollout pause"),
    pytest.param(rollout(minReadySeconds=3000), id="minReadySeconds"),
    pytest.param(rollout(progressDeadlineSeconds=7), id="progressDeadlineSeconds"),
    pytest.param(rollout(strategy={"rollingUpdate": {"maxUnavailable": 9}}), id="maxUnavailable"),
    pytest.param(service(internalTrafficPolicy="Local"), id="internalTrafficPolicy"),
    pytest.param(
        service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}}),
        id="sessionAffinity",
    ),
    pytest.param(service(type="NodePort", externalTrafficPolicy="Local"), id="externalTrafficPolicy"),
    pytest.param(service(externalIPs=["10.9.9.9"]), id="externalIPs"),
    pytest.param(service(trafficDistribution="PreferClose"), id="trafficDistribution"),
    pytest.param(service(publishNotReadyAddresses=True), id="publishNotReadyAddresses"),
    pytest.param(service(selector={"app": "mine"}), id="selector"),
]
IN_CONTAINER = [
    pytest.param({"env": [{"name": "DENO_V8_FLAGS", "value": "--allow-natives-syntax"}]}, id="env"),
    pytest.param({"envFrom": [{"secretRef": {"name": "s"}}]}, id="envFrom"),
    pytest.param({"command": ["sh"]}, id="command"),
    pytest.param({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}}, id="capabilities.add"),
    pytest.param({"securityContext": {"privileged": True}}, id="privileged"),
    pytest.param({"securityContext": {"runAsUser": 0}}, id="runAsUser"),
    pytest.param({"securityContext": {"runAsNonRoot": False}}, id="runAsNonRoot"),
    pytest.param({"securityContext": {"procMount": "Unmasked"}}, id="procMount"),
    pytest.param({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, id="seccompProfile"),
    pytest.param({"startupProbe": {"exec": {"command": ["false"]}}}, id="startupProbe"),
    pytest.param({"lifecycle": {"postStart": {"exec": {"command": ["sh"]}}}}, id="postStart"),
    pytest.param({"volumeMounts": [{"name": "tmp", "mountPath": "/etc"}]}, id="volumeMounts"),
    pytest.param({"imagePullPolicy": "Never"}, id="imagePullPolicy"),
]


def body(world: World, kind: Kind, name: str) -> Object:
    """What the API server would drop is left out."""
    spec = world.server.read(kind, name)["spec"]
    return {field: value for field, value in spec.items() if value is not False}


async def settled(world: World, kind: Kind, name: str) -> Object:
    await play(world, SMALL)
    return body(world, kind, name)


@pytest.mark.parametrize("edit", EDITS)
@virtual_time
async def test_an_edit_comes_back_with_two_writes_at_most(edit: tuple[Kind, str, Object]) -> None:
    kind, name, patch = edit
    async with running() as world:
        before = await settled(world, kind, name)
        change(kind, name, **patch)(world)
        assert body(world, kind, name) != before
        await let_pass(5)
        assert body(world, kind, name) == before
        writes = [line for line in world.cluster.take_log() if name in line and "status" not in line]
        assert 1 <= len(writes) <= 2
        await let_pass(130)
        assert [line for line in world.cluster.take_log() if name in line and "status" not in line] == []


@pytest.mark.parametrize("added", IN_CONTAINER)
@virtual_time
async def test_an_edit_of_the_container_comes_back(added: Object) -> None:
    async with running() as world:
        before = await settled(world, DEPLOYMENT, RUNTIME)
        (own,) = before["template"]["spec"]["containers"]
        lists = {name: [*own.get(name, ()), *value] for name, value in added.items() if isinstance(value, list)}
        maps = {name: {**own.get(name, {}), **value} for name, value in added.items() if isinstance(value, dict)}
        containers = [{**own, **added, **lists, **maps}]
        change(*pods(containers=containers)[:2], **pods(containers=containers)[2])(world)
        await let_pass(5)
        assert body(world, DEPLOYMENT, RUNTIME) == before


@pytest.mark.parametrize(
    ("field", "item"),
    [
        pytest.param("containers", {"name": "miner", "image": "x"}, id="a container"),
        pytest.param("volumes", {"name": "host", "hostPath": {"path": "/"}}, id="a volume"),
        pytest.param("tolerations", {"operator": "Exists"}, id="a toleration"),
        pytest.param("imagePullSecrets", {"name": "theirs"}, id="a pull secret"),
    ],
)
@virtual_time
async def test_an_item_of_others_goes(field: str, item: Object) -> None:
    async with running() as world:
        before = await settled(world, DEPLOYMENT, RUNTIME)
        items = [*before["template"]["spec"].get(field, ()), item]
        change(*pods()[:2], **pods(**{field: items})[2])(world)
        await let_pass(5)
        assert body(world, DEPLOYMENT, RUNTIME) == before


@virtual_time
async def test_what_a_webhook_insists_on_is_applied_once() -> None:
    async with running() as world:
        await settled(world, DEPLOYMENT, RUNTIME)
        insist(world, "nodeSelector", {"pool": "spot"})
        change(*pods(hostPID=True)[:2], **pods(hostPID=True)[2])(world)
        await let_pass(5)
        spec = body(world, DEPLOYMENT, RUNTIME)["template"]["spec"]
        assert (spec["hostPID"], spec["nodeSelector"]) == (False, {"pool": "spot"})
        world.cluster.take_log()
        world.workloads.settle()
        await let_pass(600)
        assert [line for line in world.cluster.take_log() if "Deployment" in line] == []


def insist(world: World, field: str, value: Any) -> None:
    """From now on every write of a Deployment gets this field of its pods, as a mutating webhook does it."""
    world.server.webhooks.append(
        lambda item: item["spec"]["template"]["spec"].update({field: value}) if item["kind"] == "Deployment" else None
    )


@virtual_time
async def test_a_field_that_others_change_each_time_is_repaired_less_and_less_often_and_reported() -> None:
    async with running() as world:
        await play(world, SMALL)
        fight = Fight(world)
        await let_pass(120)
        assert 5 <= fight.repairs < 20
        assert world.condition("Reconciled") == "False Contested"
        (warning,) = [event for event in world.server.select(EVENT, None) if event["reason"] == "Contested"]
        assert warning["type"] == "Warning"
        assert "Deployment p-proxy: spec.replicas" in warning["message"]
        fight.end()
        await let_pass(400)
        assert world.server.read(DEPLOYMENT, "p-proxy")["spec"]["replicas"] == 1
        assert world.condition("Reconciled") == "True Applied"


@virtual_time
async def test_a_change_of_the_spec_is_not_held_back_by_a_fight() -> None:
    async with running() as world:
        await play(world, SMALL)
        fight = Fight(world)
        await let_pass(60)
        fight.end()
        world.edit_pool(proxy={"replicas": 3})
        await let_pass(1)
        assert world.server.read(DEPLOYMENT, "p-proxy")["spec"]["replicas"] == 3


@virtual_time
async def test_an_object_that_others_delete_each_time_is_made_less_and_less_often() -> None:
    async with running() as world:
        await play(world, SMALL)
        made = 0

        def delete_again(stored: Any) -> None:
            nonlocal made
            if stored.place.name == POOL and stored.place.kind == SERVICE and stored.after is not None:
                made += 1
                world.server.delete(SERVICE, POOL)

        world.server.subscribers.append(delete_again)
        world.server.delete(SERVICE, POOL)
        await let_pass(120)
        assert 5 <= made < 20
        assert world.condition("Reconciled") == "False Contested"
        assert world.condition("Available") == "False NoService"


@pytest.mark.parametrize(
    ("field", "patch", "write"),
    [
        pytest.param("metadata.finalizers", {"metadata": {"finalizers": None}}, FINALIZER, id="finalizer"),
        pytest.param("status", {"status": {"size": 77}}, STATUS, id="status"),
    ],
)
@virtual_time
async def test_a_fight_over_the_pool_itself(field: str, patch: Object, write: str) -> None:
    async with running() as world:
        await play(world, SMALL)

        def change_again(stored: Any) -> None:
            if goes_on and stored.place.kind == TYREX_POOL and stored.after is not None and not has(stored.after):
                interfere()

        def has(item: Object) -> bool:
            return "finalizers" not in item["metadata"] if field != "status" else item["status"].get("size") == 77

        def interfere() -> None:
            if field == "status":
                world.server.set_status(TYREX_POOL, POOL, patch["status"])
            else:
                change(TYREX_POOL, POOL, **patch)(world)

        goes_on = True
        world.server.subscribers.append(change_again)
        interfere()
        await let_pass(120)
        assert 5 <= world.cluster.take_log().count(write) < 25
        (warning,) = [event for event in world.server.select(EVENT, None) if event["reason"] == "Contested"]
        assert f"TyrexPool p: {field}" in warning["message"]
        goes_on = False
        await let_pass(200)
        assert world.ready == "True Ready"


class Fight:
    """Somebody who scales the proxies to 7 whenever they are not."""

    def __init__(self, world: World) -> None:
        self.repairs = -1
        self._world = world
        self._goes_on = True
        world.server.subscribers.append(self._change_back)
        self._change_back(None)

    def end(self) -> None:
        self._goes_on = False

    def _change_back(self, stored: Any) -> None:
        if self._goes_on and self._world.server.read(DEPLOYMENT, "p-proxy")["spec"]["replicas"] != 7:
            self.repairs += 1
            self._world.server.merge(DEPLOYMENT, "p-proxy", {"spec": {"replicas": 7}})
