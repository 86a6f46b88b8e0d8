from typing import Any

import pytest

from tyrex_pool.plan.observation import PodTrouble, ProxyReport, Rollout, trouble


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
    rollout = Rollout.of(deployment(2, conditions=said))
    assert rollout is not None
    assert (rollout.stuck, rollout.overdue) == ("exceeded quota", True)


def test_no_deployment_no_rollout() -> None:
    assert Rollout.of(None) is None


def pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", **metadata}, "status": status}


def waiting(reason: str, message: str = "why", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "runtime", "image": "a/b:1", "state": state, **more}]}


ENDED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, None, id="nothing known"),
        pytest.param(waiting("ContainerCreating"), None, id="starting"),
        pytest.param(waiting("ErrImageNeverPull"), ("ImagePullFailed", "a/b:1: why"), id="image"),
        pytest.param(waiting("InvalidImageName"), ("ImagePullFailed", "a/b:1: why"), id="image name"),
        pytest.param(waiting("CreateContainerError"), ("CrashLooping", "CreateContainerError: why"), id="create"),
        pytest.param(
            waiting("CrashLoopBackOff", restartCount=3, lastState=ENDED),
            (
                "CrashLooping",
                "its container runtime ended with OOMKilled (exit code 137), 3 restarts; its log tells more",
            ),
            id="crash",
        ),
        pytest.param(
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes fit"}]},
            ("Unschedulable", "0/3 nodes fit"),
            id="no node",
        ),
    ],
)
def test_trouble_of_a_pod(status: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert trouble(pod(status)) == (None if expected is None else PodTrouble("p", *expected))


def test_a_pod_that_goes_is_no_trouble() -> None:
    assert trouble(pod(waiting("ErrImagePull"), deletionTimestamp="2026-01-01T00:00:00Z")) is None


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
