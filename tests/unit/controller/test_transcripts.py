"""What the operator writes, and what it reports, for everything that can happen to a pool."""

from typing import Any

import pytest

from tests.unit.controller.transcript import (
    BUDGETS,
    CHILDREN,
    DELETED,
    FINALIZER,
    NEW,
    PROXY,
    RUNTIME,
    SETTLED,
    SMALL,
    STATUS,
    Event,
    Step,
    annotate,
    applied,
    both,
    change,
    create,
    delete_pool,
    edit,
    expected,
    fail,
    made,
    nothing,
    play,
    pods_follow,
    put_config_map,
    remove,
)
from tests.unit.controller.virtual_time import virtual_time
from tests.unit.controller.world import POOL, World, running
from tyrex_pool.cluster.errors import ClusterError, ClusterUnavailable, Conflict, Forbidden, NotFound
from tyrex_pool.model import names
from tyrex_pool.model.kinds import CONFIG_MAP, DEPLOYMENT, DISRUPTION_BUDGET, NETWORK_POLICY, SERVICE, TYREX_POOL

MODULE = {"configMap": {"name": "code", "entrypoint": "main.ts"}}
STRATEGY = {"type": "Custom", "custom": {"configMap": {"name": "choice", "key": "strategy.py"}, "class": "Mine"}}
RUNTIME_CHILD, PROXY_CHILD = CHILDREN[8:10]
WEBHOOK = ClusterError('failed calling webhook "a.b": failed to call webhook: connection refused', 500)
UNKNOWN_FIELD = ClusterError("failed to create typed patch object: field not declared in schema", 500)


def down(world: World) -> None:
    world.cluster.down = True
    world.cluster.end_watches(ClusterUnavailable("connection reset"))


def back(world: World) -> None:
    world.cluster.down = False


def watches_end(world: World) -> None:
    world.cluster.end_watches()


def watches_expire(world: World) -> None:
    world.cluster.expire_watches()


def proxies_report(**fields: Any) -> Event:
    return lambda world: world.proxies.fields.update(fields)


def proxies_follow(world: World) -> None:
    world.proxies.fields.clear()


def service_refuses(refuses: bool) -> Event:
    def happen(world: World) -> None:
        world.proxies.refuses_connections = refuses

    return happen


def scale(name: str, replicas: int) -> Event:
    return change(DEPLOYMENT, name, spec={"replicas": replicas})


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [
                *NEW,
                Step(edit(size=3), [RUNTIME, STATUS], "False Updating"),
                SETTLED,
                Step(
                    edit(size=1),
                    [RUNTIME, "delete PodDisruptionBudget p-runtime", STATUS],
                    "False Updating",
                ),
                SETTLED,
                Step(nothing, [], "True Ready", seconds=600),
            ],
            id="a pool appears, and its size changes",
        ),
        pytest.param(
            [
                *SMALL,
                Step(edit(size=0), [RUNTIME, STATUS], "False Updating"),
                Step(pods_follow, [STATUS], "True Parked"),
                Step(
                    edit(size=1, proxy={"replicas": 0}),
                    [RUNTIME, PROXY, STATUS],
                    "False NoProxies",
                ),
            ],
            id="parked, and without proxies",
        ),
        pytest.param(
            [
                Step(fail(FINALIZER, Conflict("modified", 409), create(size=2)), made(), "False Starting"),
                SETTLED,
                Step(
                    fail(RUNTIME, Conflict("modified", 409), edit(size=3), times=3),
                    [RUNTIME, STATUS],
                    "False Updating",
                ),
            ],
            id="conflicts are retried",
        ),
        pytest.param(
            [
                Step(
                    both(put_config_map("p-runtime", mine="1"), create(size=2)),
                    [*made()[:8], *applied(CHILDREN[10:]), STATUS],
                    "False ApplyFailed",
                ),
                Step(nothing, [], "False ApplyFailed", seconds=600),
                Step(remove(CONFIG_MAP, "p-runtime"), [*applied(CHILDREN[7:10]), STATUS], "False Starting"),
                SETTLED,
            ],
            id="an object of another owner has a child's name",
        ),
        pytest.param(
            [
                Step(
                    both(
                        put_config_map("p-runtime"),
                        change(CONFIG_MAP, "p-runtime", metadata={"labels": {names.LABEL_POOL: POOL}}),
                        create(size=2),
                    ),
                    made(),
                    "False Starting",
                ),
            ],
            id="a child without an owner is adopted",
        ),
        pytest.param(
            [
                Step(both(create(size=2), annotate(names.ANNOTATION_PAUSED, "true")), [STATUS], "False Paused"),
                Step(annotate(names.ANNOTATION_PAUSED, None), made(), "False Starting"),
                SETTLED,
                Step(annotate(names.ANNOTATION_PAUSED, "true"), [STATUS], "True Ready"),
                Step(edit(strategy={"type": "Random"}), [STATUS], "True Ready"),
                Step(edit(size=3), [STATUS], "False Paused"),
                Step(edit(size=2), [STATUS], "True Ready"),
                Step(remove(SERVICE, "p-runtime"), [STATUS], "False Paused"),
                Step(annotate(names.ANNOTATION_PAUSED, "false"), ["apply Service p-runtime", STATUS], "True Ready"),
            ],
            id="paused",
        ),
        pytest.param(
            [
                *NEW,
                Step(
                    change(DEPLOYMENT, "p-proxy", spec={"replicas": 7}),
                    [PROXY, STATUS],
                    "False Updating",
                ),
                SETTLED,
                Step(remove(SERVICE, "p"), ["apply Service p"], "True Ready"),
                Step(remove(DISRUPTION_BUDGET, "p-proxy"), ["apply PodDisruptionBudget p-proxy"], "True Ready"),
                Step(
                    change(NETWORK_POLICY, "p-runtime", spec={"ingress": [{}]}),
                    ["apply NetworkPolicy p-runtime"],
                    "True Ready",
                ),
                Step(
                    change(SERVICE, "p", spec={"ports": [{"name": "http", "port": 81, "protocol": "TCP"}]}),
                    ["apply Service p", "merge Service p", "apply Service p"],
                    "True Ready",
                ),
                Step(change(SERVICE, "p", metadata={"labels": {"team": "blue"}}), [], "True Ready"),
                Step(
                    change(DEPLOYMENT, "p-proxy", spec={"template": {"metadata": {"annotations": {"restarted": "1"}}}}),
                    [STATUS],
                    "False Updating",
                ),
                SETTLED,
            ],
            id="children that were edited or deleted are restored, fields of others stay",
        ),
        pytest.param(
            [
                *SMALL,
                Step(edit(size=-1), [STATUS], "False InvalidSpec"),
                Step(nothing, [], "False InvalidSpec", seconds=600),
                Step(edit(size=1), [STATUS], "True Ready"),
            ],
            id="an invalid spec changes no child",
        ),
        pytest.param(
            [
                Step(create(size=1, proxy={"replicas": 1}, mainModule=MODULE), [STATUS], "False ConfigMapNotFound"),
                Step(put_config_map("code", other="1"), [STATUS], "False ConfigMapNotFound"),
                Step(put_config_map("code", **{"main.ts": "export {}"}), made(*BUDGETS), "False Starting"),
                SETTLED,
                Step(
                    put_config_map("code", **{"main.ts": "export default 1"}),
                    ["apply ConfigMap p-runtime", RUNTIME, STATUS],
                    "False Updating",
                ),
                SETTLED,
                Step(put_config_map("unread", a="1"), [], "True Ready"),
                Step(put_config_map("code", **{"main.ts": "x" * 1_048_000}), [STATUS], "False InvalidSpec"),
                Step(remove(CONFIG_MAP, "code"), [STATUS], "False ConfigMapNotFound"),
            ],
            id="a main module in a ConfigMap",
        ),
        pytest.param(
            [
                Step(create(size=1, proxy={"replicas": 1}, strategy=STRATEGY), made(*BUDGETS), "False Starting"),
                SETTLED,
                Step(put_config_map("choice", **{"strategy.py": "x"}), [], "True Ready"),
                Step(
                    both(
                        proxies_report(strategy_error="line 1"),
                        put_config_map("choice", **{"strategy.py": "y"}),
                    ),
                    [STATUS],
                    "False InvalidStrategy",
                ),
            ],
            id="a strategy in a ConfigMap",
        ),
        pytest.param(
            [
                Step(
                    both(proxies_report(generation=0), create(size=2)),
                    made(),
                    "False Starting",
                ),
                Step(pods_follow, [STATUS], "False Updating"),
                Step(
                    both(proxies_follow, service_refuses(True)),
                    [STATUS],
                    "False Starting",
                ),
                Step(service_refuses(False), [STATUS], "True Ready"),
            ],
            id="proxies that are behind, and a Service that is not programmed yet",
        ),
        pytest.param(
            [
                *SMALL,
                Step(
                    edit(runtime={"image": "a/b:2"}),
                    ["apply ConfigMap p-runtime", RUNTIME, STATUS],
                    "False Updating",
                ),
            ],
            id="a new image",
        ),
        pytest.param(
            [
                Step(
                    fail("apply Role ", Forbidden("may not", 403), create(size=2)),
                    [*made(CHILDREN[1], RUNTIME_CHILD, PROXY_CHILD), *applied([CHILDREN[1], *CHILDREN[8:10]]), STATUS],
                    "False Starting",
                ),
                SETTLED,
                Step(
                    fail(RUNTIME, UNKNOWN_FIELD, edit(size=3), times=9),
                    [STATUS],
                    "False ApplyFailed",
                ),
                Step(nothing, [RUNTIME, STATUS], "False Updating", seconds=120),
            ],
            id="the API server refuses a manifest",
        ),
        pytest.param(
            [
                *SMALL,
                Step(
                    fail(RUNTIME, WEBHOOK, edit(size=3), times=9),
                    ["apply PodDisruptionBudget p-runtime", STATUS],
                    "False ApplyFailed",
                ),
                Step(nothing, [RUNTIME, STATUS], "False Updating", seconds=120),
            ],
            id="an admission webhook does not answer",
        ),
        pytest.param(
            [
                *SMALL,
                Step(both(edit(size=2), down), [], "True Ready"),
                Step(
                    back,
                    [RUNTIME, "apply PodDisruptionBudget p-runtime", STATUS],
                    "False Updating",
                    seconds=60,
                ),
                SETTLED,
            ],
            id="the API server is down and comes back",
        ),
        pytest.param(
            [
                *SMALL,
                Step(
                    both(watches_end, scale("p-proxy", 5)),
                    [PROXY, STATUS],
                    "False Updating",
                ),
                SETTLED,
                Step(both(watches_expire, remove(SERVICE, "p")), ["apply Service p"], "True Ready"),
                Step(both(down, remove(SERVICE, "p"), back), ["apply Service p"], "True Ready"),
                Step(both(down, remove(SERVICE, "p"), watches_expire, back), ["apply Service p"], "True Ready"),
                Step(lambda world: world.cluster.send_bookmarks(), [], "True Ready"),
            ],
            id="watches end, expire and break, and nothing is missed",
        ),
        pytest.param(
            [
                *SMALL,
                Step(both(change(TYREX_POOL, POOL, metadata={"finalizers": None}), nothing), [FINALIZER], "True Ready"),
                Step(
                    fail(STATUS, NotFound("gone", 404), edit(size=0)),
                    [RUNTIME, STATUS],
                    "False Updating",
                ),
            ],
            id="the finalizer is restored, and a status that cannot be written is written later",
        ),
        pytest.param(
            [
                *SMALL,
                Step(delete_pool, [STATUS, "merge Deployment p-proxy"], "False Deleting", seconds=1),
                Step(nothing, [], "False Deleting", seconds=3),
                Step(pods_follow, [STATUS, *DELETED[:10], STATUS], "False Deleting", seconds=2),
                Step(pods_follow, [FINALIZER], "", seconds=2),
                Step(nothing, [], "", seconds=600),
            ],
            id="a deletion drains the proxies, then deletes the children, then removes the finalizer",
        ),
    ],
)
@virtual_time
async def test_transcript(steps: list[Step]) -> None:
    async with running() as world:
        assert await play(world, steps) == expected(steps)
