from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tyrex_pool.plan.pod_troubles import PodTrouble, newest, silent, trouble, trouble_from_events

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDED = {"reason": "Error", "exitCode": 1}
MEMORY = "raise the memory limit (spec.proxy.resources.limits.memory): "
RUNC = "runc create failed: container init was OOM-killed (memory limit too low?)"


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(
    status: dict[str, Any], name: str = "p", age: float = 60, template: str = "a", **metadata: Any
) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": "proxy", "pod-template-hash": template}
    known = {"name": name, "uid": f"uid-{name}", "labels": labels, "creationTimestamp": ago(age)}
    return {"metadata": {**known, **metadata}, "status": status}


def container(state: dict[str, Any], kind: str = "containerStatuses", **more: Any) -> dict[str, Any]:
    return {kind: [{"name": "runtime", "image": "a/b:1", "ready": False, "restartCount": 0, "state": state, **more}]}


def waiting(reason: str, message: str = "why", **more: Any) -> dict[str, Any]:
    return container({"waiting": {"reason": reason, "message": message}}, **more)


def crashed(restarts: int = 3, **ended: Any) -> dict[str, Any]:
    return {"restartCount": restarts, "lastState": {"terminated": {**ENDED, **ended}}}


def running(seconds: float) -> dict[str, Any]:
    return {"running": {"startedAt": ago(seconds)}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, None, id="nothing known"),
        pytest.param(waiting("ContainerCreating"), None, id="starting"),
        pytest.param(waiting("ErrImageNeverPull"), ("ImagePullFailed", "a/b:1: why"), id="image"),
        pytest.param(waiting("InvalidImageName"), ("ImagePullFailed", "a/b:1: why"), id="image name"),
        pytest.param(
            waiting("CreateContainerConfigError", 'secret "keys" not found'),
            ("ContainerStartFailed", 'container runtime: CreateContainerConfigError: secret "keys" not found'),
            id="a Secret in a variable",
        ),
        pytest.param(
            waiting("CreateContainerError"),
            ("ContainerStartFailed", "container runtime: CreateContainerError: why"),
            id="create",
        ),
        pytest.param(
            waiting("RunContainerError", RUNC),
            ("OutOfMemory", f"{MEMORY}container runtime: RunContainerError: {RUNC}"),
            id="too little memory to begin with",
        ),
        pytest.param(
            waiting("CrashLoopBackOff", **crashed(reason="StartError", exitCode=128, message='exec: "/nope"\n')),
            ("ContainerStartFailed", 'container runtime: exec: "/nope"'),
            id="a bad command",
        ),
        pytest.param(
            waiting("CrashLoopBackOff", **crashed()),
            ("CrashLooping", "its container runtime ended with Error (exit code 1), 3 restarts; its log tells more"),
            id="crash",
        ),
        pytest.param(
            waiting("CrashLoopBackOff", kind="initContainerStatuses", **crashed(message="no port\n")),
            ("CrashLooping", "its container runtime ended with Error (exit code 1), 3 restarts: no port"),
            id="a sidecar",
        ),
        pytest.param(
            waiting("CrashLoopBackOff", **crashed(reason="OOMKilled", exitCode=137)),
            (
                "OutOfMemory",
                f"{MEMORY}its container runtime ended with OOMKilled (exit code 137), 3 restarts; its log tells more",
            ),
            id="killed for its memory",
        ),
        pytest.param(
            container(running(5), **crashed(2)),
            ("CrashLooping", "its container runtime ended with Error (exit code 1), 2 restarts; its log tells more"),
            id="between two crashes",
        ),
        pytest.param(
            container({"terminated": ENDED}, restartCount=2),
            ("CrashLooping", "its container runtime ended with Error (exit code 1), 2 restarts; its log tells more"),
            id="just ended again",
        ),
        pytest.param(container({"terminated": ENDED}), None, id="ended for the first time"),
        pytest.param(container(running(5), **crashed(1)), None, id="restarted once"),
        pytest.param(container(running(601), **crashed(9)), None, id="crashes of long ago"),
        pytest.param(container(running(5), **{**crashed(9), "ready": True}), None, id="ready again"),
        pytest.param(
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes fit"}]},
            ("Unschedulable", "0/3 nodes fit"),
            id="no node",
        ),
    ],
)
def test_trouble_of_a_pod(status: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert trouble(pod(status), NOW) == (None if expected is None else PodTrouble("p", *expected))


def test_a_pod_that_goes_is_no_trouble() -> None:
    assert trouble(pod(waiting("ErrImagePull"), deletionTimestamp=ago(1)), NOW) is None


def placed(**conditions: str) -> dict[str, Any]:
    said = [{"type": kind, "status": status} for kind, status in {"PodScheduled": "True", **conditions}.items()]
    return {"phase": "Pending", "conditions": said}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(pod(placed()), True, id="no sandbox"),
        pytest.param(pod(placed(PodReadyToStartContainers="False")), True, id="no sandbox yet"),
        pytest.param(pod(placed(PodReadyToStartContainers="True")), False, id="pulls its image"),
        pytest.param(pod(placed(PodScheduled="False")), False, id="has no node"),
        pytest.param(pod(placed(), age=2), False, id="young"),
        pytest.param(pod({**placed(), "phase": "Running"}), False, id="runs"),
        pytest.param(pod(placed(), deletionTimestamp=ago(1)), False, id="goes"),
    ],
)
def test_a_pod_whose_status_does_not_say_why_it_waits(one: dict[str, Any], expected: bool) -> None:
    assert (silent([one], NOW) is not None) is expected


def test_of_several_silent_pods_the_oldest_is_asked() -> None:
    assert silent([pod(placed(), "b", 20), pod(placed(), "a", 30)], NOW) == pod(placed(), "a", 30)


def event(reason: str, message: str = "why", seconds: float = 5) -> dict[str, Any]:
    return {"reason": reason, "message": message, "lastTimestamp": ago(seconds)}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([event("Unhealthy")], None, id="about something else"),
        pytest.param(
            [event("FailedMount", 'secret "keys" not found')],
            ("MountFailed", 'FailedMount: secret "keys" not found'),
            id="a Secret",
        ),
        pytest.param(
            [event("FailedMount", "references non-existent config key: a")],
            ("MountFailed", "FailedMount: references non-existent config key: a"),
            id="a key of a ConfigMap",
        ),
        pytest.param([event("FailedAttachVolume")], ("MountFailed", "FailedAttachVolume: why"), id="a volume"),
        pytest.param(
            [event("FailedMount", seconds=50), event("FailedCreatePodSandBox", "no address")],
            ("ContainerStartFailed", "FailedCreatePodSandBox: no address"),
            id="the newest",
        ),
        pytest.param(
            [{"reason": "FailedMount", "message": "new", "eventTime": ago(1)}, event("FailedMount", "old")],
            ("MountFailed", "FailedMount: new"),
            id="one that was never repeated",
        ),
        pytest.param(
            [event("FailedCreatePodSandBox", RUNC)],
            ("OutOfMemory", f"{MEMORY}FailedCreatePodSandBox: {RUNC}"),
            id="too little memory for a sandbox",
        ),
        pytest.param(
            [event("FailedCreatePodSandBox", "mkdir /sys/fs/cgroup/a: cannot allocate memory")],
            ("OutOfMemory", f"{MEMORY}FailedCreatePodSandBox: mkdir /sys/fs/cgroup/a: cannot allocate memory"),
            id="a few bytes of memory",
        ),
    ],
)
def test_what_the_events_of_a_silent_pod_say(events: list[dict[str, Any]], expected: tuple[str, str] | None) -> None:
    assert trouble_from_events(pod(placed()), events) == (None if expected is None else PodTrouble("p", *expected))


@pytest.mark.parametrize(
    ("pods", "updated", "expected"),
    [
        pytest.param([], 0, [], id="none"),
        pytest.param([("old", "a", 60), ("new", "b", 5)], 1, ["new"], id="a rollout"),
        pytest.param([("old", "a", 60)], 0, [], id="the newest template has no pod yet"),
        pytest.param([("one", "a", 60), ("two", "a", 5)], 2, ["one", "two"], id="all the same"),
    ],
)
def test_pods_of_an_older_template_are_left_out(
    pods: list[tuple[str, str, float]], updated: int, expected: list[str]
) -> None:
    made = [pod({}, name, age, template) for name, template, age in pods]
    assert [one["metadata"]["name"] for one in newest(made, updated)] == expected
