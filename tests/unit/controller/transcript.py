"""Transcripts: what happens, what the operator writes then, in order, and what the condition Ready says afterwards."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from tests.unit.controller.virtual_time import let_pass
from tests.unit.controller.world import POOL, World
from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.model.kinds import DEPLOYMENT, POD, TYREX_POOL, Kind

Event = Callable[[World], object]

STATUS = "apply status of TyrexPool p"
FINALIZER = "merge TyrexPool p"
CHILDREN = (
    "ServiceAccount p-proxy",
    "Role p-proxy",
    "RoleBinding p-proxy",
    "NetworkPolicy p-proxy",
    "NetworkPolicy p-runtime",
    "Service p",
    "Service p-runtime",
    "ConfigMap p-runtime",
    "Deployment p-runtime",
    "Deployment p-proxy",
    "PodDisruptionBudget p-runtime",
    "PodDisruptionBudget p-proxy",
)
"""Of a pool with more than one runtime and more than one proxy, in the order in which they are made."""

DELETED = [f"delete {child}" for child in CHILDREN]
PROXY, RUNTIME = "apply Deployment p-proxy", "apply Deployment p-runtime"
BUDGETS = ("PodDisruptionBudget p-runtime", "PodDisruptionBudget p-proxy")


class Step(NamedTuple):
    """`writes` are all that follow `event` within `seconds`; `ready` is empty when there is no pool."""

    event: Event
    writes: Sequence[str]
    ready: str
    seconds: float = 15.0


def made(*without: str) -> list[str]:
    """The writes for a new pool."""
    return [FINALIZER, *applied(child for child in CHILDREN if child not in without), STATUS]


def applied(children: Iterable[str]) -> list[str]:
    return [f"apply {child}" for child in children]


class Outcome(NamedTuple):
    """What followed a step."""

    writes: list[str]
    ready: str


def expected(steps: Iterable[Step]) -> list[Outcome]:
    return [Outcome(list(step.writes), step.ready) for step in steps]


async def play(world: World, steps: Iterable[Step]) -> list[Outcome]:
    """Let each step happen, and record what follows."""
    outcomes = []
    for step in steps:
        step.event(world)
        await let_pass(step.seconds)
        ready = world.ready if world.server.find(TYREX_POOL, POOL) else ""
        outcomes.append(Outcome(world.cluster.take_log(), ready))
    return outcomes


# Events


def create(**spec: Any) -> Event:
    return lambda world: world.create_pool(**spec)


def edit(**spec: Any) -> Event:
    return lambda world: world.edit_pool(**spec)


def annotate(name: str, value: str | None) -> Event:
    return lambda world: world.annotate_pool(name, value)


def delete_pool(world: World) -> None:
    world.server.delete(TYREX_POOL, POOL)


def change(kind: Kind, name: str, **patch: Any) -> Event:
    return lambda world: world.server.merge(kind, name, patch)


def remove(kind: Kind, name: str) -> Event:
    return lambda world: world.server.delete(kind, name)


def put_config_map(name: str, **data: str) -> Event:
    return lambda world: world.put_config_map(name, **data)


def pods_follow(world: World) -> None:
    """Every Deployment has its pods, and they are ready."""
    world.workloads.settle()


def half_rolled_out(world: World) -> None:
    """Every Deployment has its pods, and none of the new ones is ready."""
    for deployment in world.server.select(DEPLOYMENT, None):
        world.workloads.roll_out(deployment, ready=0)


def pod_status(name: str, **status: Any) -> Event:
    """The newest pod of a Deployment has this status."""

    def happen(world: World) -> None:
        pod = [pod for pod in world.server.names(POD) if pod.startswith(name)][-1]
        world.server.set_status(POD, pod, status)

    return happen


def fail(request: str, error: ClusterError, then: Event, times: int = 1) -> Event:
    """`then`, with the next requests of this kind failing."""

    def happen(world: World) -> None:
        world.cluster.fail(request, error, times)
        then(world)

    return happen


def both(*events: Event) -> Event:
    def happen(world: World) -> None:
        for event in events:
            event(world)

    return happen


def nothing(world: World) -> None:
    """Only time passes."""


# Beginnings of transcripts

SETTLED = Step(pods_follow, [STATUS], "True Ready")
NEW = [Step(create(size=2), made(), "False Starting"), SETTLED]
SMALL = [Step(create(size=1, proxy={"replicas": 1}), made(*BUDGETS), "False Starting"), SETTLED]
"""A pool with one runtime and one proxy, which becomes Ready."""
