from typing import Any

import pytest

from tyrex_pool.plan.observation import ProxyReport, Rollout


def deployment(wanted: int, generation: int = 1, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "d", "generation": generation}, "spec": {"replicas": wanted}, "status": status}


def counts(present: int, updated: int, ready: int, observed: int = 1) -> dict[str, int]:
    return {"observedGeneration": observed, "replicas": present, "updatedReplicas": updated, "readyReplicas": ready}


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        pytest.param(counts(2, 2, 2), True, id="done"),
        pytest.param(counts(2, 2, 2, observed=0), False, id="not seen yet"),
        pytest.param(counts(3, 2, 3), False, id="an old pod is left"),
        pytest.param(counts(2, 1, 2), False, id="one is old"),
        pytest.param(counts(2, 2, 1), False, id="one is not ready"),
        pytest.param({}, False, id="no status"),
    ],
)
def test_a_rollout_is_settled_when_all_pods_are_new_and_ready(status: dict[str, int], settled: bool) -> None:
    rollout = Rollout.of(deployment(2, **status))
    assert rollout is not None
    assert rollout.settled is settled


def test_zero_pods_are_settled_too() -> None:
    rollout = Rollout.of(deployment(0, observedGeneration=1))
    assert rollout is not None
    assert rollout.settled


def test_what_the_deployment_says_of_itself() -> None:
    said = [
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
    ]
    rollout = Rollout.of(deployment(2, observedGeneration=1, updatedReplicas=1, conditions=said))
    assert rollout is not None
    assert (rollout.stuck, rollout.overdue, rollout.updated) == ("exceeded quota", True, 1)


def test_what_it_says_about_an_older_spec_is_no_news() -> None:
    said = [
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
    ]
    rollout = Rollout.of(deployment(2, generation=2, observedGeneration=1, updatedReplicas=2, conditions=said))
    assert rollout is not None
    assert (rollout.stuck, rollout.overdue, rollout.updated) == (None, False, 0)


def test_no_deployment_no_rollout() -> None:
    assert Rollout.of(None) is None


def test_a_proxys_report() -> None:
    answer = {
        "generation": 4,
        "readyRuntimes": 1,
        "strategy": {"type": "Custom", "error": "line 3"},
        "runtimes": [
            {"name": "a", "state": "Ready", "reason": None},
            {"name": "b", "state": "Failed", "reason": "it threw"},
            {"name": "c", "state": "Unreachable", "reason": "refused"},
        ],
    }
    assert ProxyReport.of("x", answer) == ProxyReport("x", 4, "line 3", 1, (("b", "it threw"),))
