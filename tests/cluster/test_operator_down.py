"""Without an operator pools go on: evals succeed, pods that die are replaced; it catches up when it is back.

The tests of this module follow one another: the operator goes before the first and returns in the last.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from tests.cluster.caller import Caller
from tests.cluster.load import load
from tests.cluster.operators import Operators, ready
from tests.cluster.pools import InstalledPool
from tyrex_pool.model import names

WHILE = 10.0
"""Seconds that evals go on without an operator."""
WORKERS = 4
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lonely(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("lonely", {"size": 2, "proxy": {"replicas": 2}})


@pytest.fixture(scope="module")
def away(operator: str, lonely: InstalledPool, module_caller: Caller) -> Iterator[Operators]:
    """The operator goes while evals go on; none of them fails, then and for a while after."""
    operators = Operators(lonely.cluster, operator)
    with ExitStack() as stack:
        with load(module_caller, lonely, workers=WORKERS) as found:
            stack.enter_context(operators.scaled(0))
            started = monotonic()
            lonely.cluster.wait(lambda: monotonic() > started + WHILE, 2 * WHILE, "a while")
        found.assert_flawless()
        yield operators


def test_evals_go_on(away: Operators, lonely: InstalledPool, module_caller: Caller) -> None:
    assert not away.pods()
    assert module_caller.eval(lonely, "6 * 7") == 42


@pytest.mark.parametrize("component", [names.COMPONENT_RUNTIME, names.COMPONENT_PROXY])
def test_a_pod_that_dies_is_replaced_and_used(
    away: Operators, lonely: InstalledPool, module_caller: Caller, component: str
) -> None:
    dead = min(lonely.pod_names(component))
    with load(module_caller, lonely, workers=WORKERS) as found:
        lonely.kubectl("delete", "pod", dead, "--grace-period=0", "--force")
        lonely.cluster.wait(lambda: whole(lonely, component, without=dead), 60, f"another {component}")
    lost = sum(found.told.values()) - found.told["right"] - found.refused
    assert lost <= WORKERS, f"more than what was in flight: {found.details}"
    lonely.cluster.wait(lambda: in_use(lonely, module_caller), 20, "all pods to be in use")


def test_what_was_asked_for_meanwhile_is_done_at_its_return(away: Operators, lonely: InstalledPool) -> None:
    lonely.patch({"size": 3, "strategy": {"type": "Hash"}})
    assert len(lonely.pods(names.COMPONENT_RUNTIME)) == 2
    away.scale(1)
    lonely.wait_ready()
    assert len(lonely.pods(names.COMPONENT_RUNTIME)) == 3


def whole(pool: InstalledPool, component: str, without: str) -> bool:
    """Both pods of the component are ready, and none of them is `without`."""
    pods = {pod["metadata"]["name"]: pod for pod in pool.pods(component)}
    return len(pods) == 2 and without not in pods and all(map(ready, pods.values()))


def in_use(pool: InstalledPool, caller: Caller) -> bool:
    """Through each proxy evals reach each runtime."""
    runtimes = pool.pod_names(names.COMPONENT_RUNTIME)
    used = [{runtime for _, runtime in caller.evals(url, "6 * 7", times=4)} for url in pool.proxy_urls()]
    return used == [runtimes, runtimes]
