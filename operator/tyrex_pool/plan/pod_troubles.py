"""Why a pod does not run: from its status, or from its events where the status does not say it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tyrex_pool.model import names
from tyrex_pool.plan import reasons

Object = dict[str, Any]

_IMAGE: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CREATE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_NEVER_STARTED: Final = frozenset({"StartError", "ContainerCannotRun"})
"""Reasons of a container that has ended before its process ran."""
_CRASH: Final = "CrashLoopBackOff"
_RESTARTS: Final = 2
"""Restarts from which a container that is not ready counts as crashing: the first restart comes without a delay."""
_FORGIVEN: Final = timedelta(minutes=10)
"""After so long without an end a kubelet forgets a container's crashes, and so do we."""
_KILLED_FOR_MEMORY: Final = "OOMKilled"
_TOO_LITTLE_MEMORY: Final = ("memory limit too low", "OOM-killed", "cannot allocate memory")
"""In what runc says about a container, or a sandbox, whose memory limit is below what its own start takes."""
_SILENCE: Final = timedelta(seconds=4)
"""How long a pod may wait for its volumes and its sandbox before its events are read."""
_TEMPLATE_HASH: Final = "pod-template-hash"
"""The label by which a Deployment tells its pods' templates apart."""
_EVENTS: Final = {
    "FailedMount": reasons.MOUNT_FAILED,
    "FailedMapVolume": reasons.MOUNT_FAILED,
    "FailedAttachVolume": reasons.MOUNT_FAILED,
    "FailedCreatePodSandBox": reasons.CONTAINER_START_FAILED,
}
"""Reasons of a pod's events -> reasons of the condition Ready."""


@dataclass(frozen=True, slots=True)
class PodTrouble:
    """Why a pod does not run; `reason` is one of those of the condition Ready."""

    pod: str
    reason: str
    message: str


def trouble(pod: Object, now: datetime) -> PodTrouble | None:
    """Why a pod does not run, from its status; None when it runs, starts, or is being deleted."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        return None
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return PodTrouble(name, reasons.UNSCHEDULABLE, scheduled.get("message", "no node takes it"))
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        found = _container_trouble(container, now)
        if found is not None:
            return PodTrouble(name, *_with_advice(pod, *found))
    return None


def newest(pods: Sequence[Object], updated: int) -> list[Object]:
    """The pods of a Deployment that are of its newest template, of which there are `updated`: what is wrong with
    others is over with them.
    """
    if not pods or not updated:
        return []
    template = _template(max(pods, key=_created))
    return [pod for pod in pods if _template(pod) == template]


def silent(pods: Iterable[Object], now: datetime) -> Object | None:
    """The pod that waits longest for its volumes or its sandbox, if any does: only its events say why."""
    waiting = [pod for pod in pods if _is_silent(pod) and _created(pod) + _SILENCE <= now]
    return min(waiting, key=_created, default=None)


def trouble_from_events(pod: Object, events: Sequence[Object]) -> PodTrouble | None:
    """Why a silent pod does not start; None when no event says it."""
    known = [event for event in events if event.get("reason") in _EVENTS]
    if not known:
        return None
    newest = max(known, key=_event_time)
    found = (_EVENTS[newest["reason"]], f"{newest['reason']}: {newest.get('message', '')}")
    return PodTrouble(pod["metadata"]["name"], *_with_advice(pod, *found))


def _template(pod: Object) -> str:
    hashed: str = pod["metadata"].get("labels", {}).get(_TEMPLATE_HASH, "")
    return hashed


def _is_silent(pod: Object) -> bool:
    """Whether it has a node and no sandbox yet. PodReadyToStartContainers says so since Kubernetes 1.29."""
    if pod["metadata"].get("deletionTimestamp") or pod.get("status", {}).get("phase") != "Pending":
        return False
    placed = _condition(pod, "PodScheduled").get("status") == "True"
    return placed and _condition(pod, "PodReadyToStartContainers").get("status") != "True"


def _container_trouble(container: Object, now: datetime) -> tuple[str, str] | None:
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    reason, name = waiting.get("reason", ""), container["name"]
    if reason in _IMAGE:
        return reasons.IMAGE_PULL_FAILED, f"{container['image']}: {waiting.get('message', reason)}"
    if reason in _CREATE:
        return reasons.CONTAINER_START_FAILED, f"container {name}: {reason}: {waiting.get('message', '')}"
    if reason != _CRASH and not _crashes(container, now):
        return None
    last = state.get("terminated") or container.get("lastState", {}).get("terminated", {})
    if last.get("reason") in _NEVER_STARTED:
        return reasons.CONTAINER_START_FAILED, f"container {name}: {(last.get('message') or last['reason']).strip()}"
    ended = _ended(container, last)
    if last.get("reason") == _KILLED_FOR_MEMORY:
        return reasons.OUT_OF_MEMORY, ended
    return reasons.CRASH_LOOPING, ended


def _crashes(container: Object, now: datetime) -> bool:
    """Whether it has ended several times, and is not ready again. A kubelet says CrashLoopBackOff only in between."""
    if container.get("ready") or container.get("restartCount", 0) < _RESTARTS:
        return False
    running = container.get("state", {}).get("running")
    return running is None or parse_time(running["startedAt"]) + _FORGIVEN > now


def _ended(container: Object, last: Object) -> str:
    """How the container has ended the last time."""
    said = (last.get("message") or "").strip()
    ended = (
        f"its container {container['name']} ended with {last.get('reason', 'Error')} (exit code {last.get('exitCode')})"
    )
    restarts = f"{container.get('restartCount', 0)} restarts"
    return f"{ended}, {restarts}" + (f": {said}" if said else "; its log tells more")


def _with_advice(pod: Object, reason: str, message: str) -> tuple[str, str]:
    """What is about memory gets that reason, and the field that raises it."""
    if reason != reasons.OUT_OF_MEMORY and not any(text in message for text in _TOO_LITTLE_MEMORY):
        return reason, message
    component = pod["metadata"].get("labels", {}).get(names.LABEL_COMPONENT, names.COMPONENT_RUNTIME)
    return reasons.OUT_OF_MEMORY, f"raise the memory limit (spec.{component}.resources.limits.memory): {message}"


def _condition(pod: Object, kind: str) -> Object:
    return next((one for one in pod.get("status", {}).get("conditions", ()) if one["type"] == kind), {})


def _created(pod: Object) -> datetime:
    return parse_time(pod["metadata"]["creationTimestamp"])


def _event_time(event: Object) -> str:
    """When it last happened, as text that sorts; events that were never repeated may have only one of the fields."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return series or event.get("lastTimestamp") or event.get("eventTime") or ""


def parse_time(text: str) -> datetime:
    """A time of the API server."""
    return datetime.fromisoformat(text)
