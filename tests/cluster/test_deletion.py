"""A deleted pool answers what it has taken, leaves nothing behind, and is gone in time whatever stands in the way."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster, Images
from tests.cluster.load import Load, load
from tests.cluster.operators import Operators
from tests.cluster.pools import RESOURCE, InstalledPool, manifest
from tyrex_pool.model import names

DRAIN = 10
MARGIN = 15
"""Seconds that a deletion may take on top of `timeouts.drain`."""
NAMESPACE_MARGIN = 80
"""The same of its namespace: Kubernetes begins after 5 s, and looks again after half of the pods' grace period."""
SLOW = "new Promise((done) => setTimeout(() => done(COUNT), 2000))"
SPEC: dict[str, Any] = {
    "size": 2,
    "concurrency": 2,
    "proxy": {"replicas": 2},
    "timeouts": {"drain": f"{DRAIN}s"},
    "access": {"from": "Cluster"},
}
ENOUGH = 6
"""Seconds to drain that no eval of the load outlasts: it waits for up to two, and runs for two."""
SHORT_DRAIN = 3
SHORT = {**SPEC, "size": 1, "proxy": {"replicas": 1}, "timeouts": {"drain": f"{SHORT_DRAIN}s"}}
pytestmark = pytest.mark.slow


@contextmanager
def slow_load(caller: Caller, pool: InstalledPool) -> Iterator[Load]:
    """Evals of two seconds, more than may run at a time, so that some wait."""
    with load(caller, pool, SLOW, workers=6, pause=0.1, timeout=20) as found:
        yield found
    assert found.told.pop("right") > 0
    assert sum(found.told.values()) == found.refused, "\n".join([str(found.told), *found.details])


@contextmanager
def within(seconds: float) -> Iterator[None]:
    start = monotonic()
    yield
    assert monotonic() - start <= seconds


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_under_load_every_eval_that_was_taken_is_answered(
    pool: Callable[..., InstalledPool], caller: Caller, cascade: str
) -> None:
    going = pool("going", SPEC)
    with slow_load(caller, going), within(DRAIN + MARGIN):
        delete(going, f"--cascade={cascade}")
        wait_gone(going)


def test_with_its_namespace_under_load(operator: str, cluster: Cluster, caller: Caller) -> None:
    with cluster.namespace() as namespace:
        going = InstalledPool(cluster, namespace, "going")
        cluster.apply(manifest(going.name, SPEC, namespace))
        going.wait_ready()
        with slow_load(caller, going), within(DRAIN + NAMESPACE_MARGIN):
            cluster.kubectl("delete", "namespace", namespace, f"--timeout={DRAIN + NAMESPACE_MARGIN}s")


def test_an_operator_that_was_away_for_long_finishes_it(
    operator: str, pool: Callable[..., InstalledPool], caller: Caller
) -> None:
    operators = Operators(caller.cluster, operator)
    going = pool("going", {**SPEC, "timeouts": {"drain": f"{ENOUGH}s"}})
    with slow_load(caller, going):
        with operators.scaled(0):
            delete(going, "--wait=false")
            late = monotonic() + ENOUGH + MARGIN
            caller.cluster.wait(lambda: monotonic() > late, 60, "the time that a deletion may take to be over")
            assert caller.eval(going, "6 * 7") == 42
            assert len(going.pods()) == 4
        with within(ENOUGH + MARGIN):
            wait_gone(going)


def test_an_eval_that_outlasts_the_drain_is_cut_off(pool: Callable[..., InstalledPool], caller: Caller) -> None:
    going = pool("going", SHORT)
    endless = {"code": "new Promise(() => {})", "timeoutMs": 50_000}
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(caller.post, going, names.PATH_EVAL, endless)
        caller.cluster.wait(lambda: in_flight(going) == 1, 10, "the eval to run")
        with within(SHORT_DRAIN + MARGIN):
            delete(going)
            wait_gone(going)
        assert answer.exception(10) or answer.result()["body"]["name"] == "dead_runtime_error"


def test_a_pod_that_does_not_end_is_ended(pool: Callable[..., InstalledPool], images: Images) -> None:
    deaf = {
        "name": "deaf",
        "image": images.operator,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.sigwait([])"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    going = pool("going", {**SHORT, "runtime": {"pod": {"containers": [deaf]}}})
    assert len(going.pods(names.COMPONENT_RUNTIME)[0]["spec"]["containers"]) == 2
    with within(SHORT_DRAIN + MARGIN):
        delete(going)
        wait_gone(going)


def delete(pool: InstalledPool, *options: str) -> None:
    pool.kubectl("delete", RESOURCE, pool.name, f"--timeout={DRAIN + MARGIN}s", *options)


def wait_gone(pool: InstalledPool) -> None:
    """Until neither the pool is there nor an object of any kind with its label."""
    kinds = listable_kinds(pool.cluster)
    pool.cluster.wait(lambda: not left(pool, kinds), DRAIN + MARGIN, f"nothing of {pool.name}")


def left(pool: InstalledPool, kinds: str) -> str:
    """What there is of it."""
    itself = pool.kubectl("get", RESOURCE, pool.name, "--ignore-not-found", "--output=name")
    return itself + pool.kubectl("get", kinds, f"--selector={names.selector(pool.name)}", "--output=name")


def listable_kinds(cluster: Cluster) -> str:
    """Every kind of object that a namespace may hold, as `kubectl get` takes them."""
    return ",".join(cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split())


def in_flight(pool: InstalledPool) -> int:
    """Evals that run, as a proxy of the pool sees it."""
    path = f"/api/v1/namespaces/{pool.namespace}/services/{pool.name}:{names.PORT_HTTP}/proxy{names.PATH_POOL}"
    return int(json.loads(pool.kubectl("get", "--raw", path))["inFlight"])
