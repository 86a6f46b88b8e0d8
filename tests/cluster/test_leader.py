"""Two operators: one leads and one stands by, and takes over within seconds when the leader is gone."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.audit import now, writes
from tests.cluster.cluster import Cluster
from tests.cluster.operators import Operators
from tests.cluster.pools import InstalledPool
from tyrex_pool.model import names

TAKEOVER = 20.0
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(cluster: Cluster, operator: str) -> Iterator[Operators]:
    """Both ready, and one of them leads."""
    operators = Operators(cluster, operator)
    with operators.scaled(2):
        cluster.wait(lambda: operators.leader() in operators.names(), TAKEOVER, "a leader")
        yield operators


@pytest.fixture(scope="module")
def led(two: Operators, module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("led", {"size": 1, "proxy": {"replicas": 1}})


def test_only_the_leader_writes(two: Operators, led: InstalledPool) -> None:
    audit_log = two.cluster.audit_log
    if audit_log is None:
        pytest.skip("the cluster keeps no audit log, or not for us")
    since, leader = now(), two.leader()
    led.patch({"size": 2})
    led.wait_ready()
    writers = {one.pod for one in writes(audit_log, since) if one.pod in two.names()}
    assert writers == {leader}


def test_another_takes_over_from_a_leader_that_is_killed(two: Operators, led: InstalledPool) -> None:
    dead = two.leader()
    kill(two, dead)
    led.patch({"size": 3})
    led.cluster.wait(
        lambda: two.leader() not in (dead, "") and wanted(led) == 3, TAKEOVER, "another leader that did the change"
    )
    led.wait_ready()


def wanted(pool: InstalledPool) -> int:
    """Runtimes that the Deployment asks for."""
    deployment = names.runtime_deployment(pool.name)
    return int(pool.kubectl("get", f"deployment/{deployment}", "--output=jsonpath={.spec.replicas}"))


def kill(operators: Operators, name: str) -> None:
    """Without a farewell: where its processes are on this machine, they are stopped first, so that they never see
    the signal that a pod gets before its end."""
    pod = next(pod for pod in operators.pods() if pod["metadata"]["name"] == name)
    for container in pod["status"]["containerStatuses"]:
        for process in processes(container["containerID"].rpartition("/")[2]):
            os.kill(process, signal.SIGSTOP)
    operators.kubectl("delete", "pod", name, "--grace-period=0", "--force")


def processes(container: str) -> Iterator[int]:
    """Those of this machine that are in the container."""
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        with suppress(OSError):  # it has just ended
            if container in file.read_text():
                yield int(file.parent.name)
