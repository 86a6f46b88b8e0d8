"""The section of selection cost: its flow keeps the load it says, and the worst state of load counts."""

import random
from itertools import product

import pytest

from tests.bench.selection import LOADS, SIZES, Cost, Flow, aims
from tyrex_pool.dispatch.strategies import STRATEGIES, make


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("load", LOADS)
def test_a_flow_keeps_its_load(strategy: str, load: str) -> None:
    flow = Flow(make(strategy, random.Random(1)), 10, LOADS[load](10))
    for _ in range(3):
        flow.decide(100)
        flow.select(10)
        assert sum(slot.own for slot in flow.balancer.ready) == LOADS[load](10)


def test_the_worst_state_of_load_counts() -> None:
    costs = {
        (strategy, load, size): [Cost(decision=100.0, select=10.0)] * 3
        for strategy, load, size in product(STRATEGIES, LOADS, SIZES)
    }
    costs["Random", "one free", SIZES[-1]] = [Cost(decision=150.0, select=25.0)] * 3
    found = {aim.what.split(" costs")[0]: aim for aim in aims(costs)}
    assert {what for what, aim in found.items() if not aim.reached} == {"Random: `select` alone"}
    assert "one free" in found["Random: `select` alone"].shown
    assert found["Random: a decision"].measured == 1.5
