"""The conditions of a pool and the reasons of Ready, each string once, and which of the reasons pass by themselves."""

from typing import Final, NamedTuple

READY: Final = "Ready"
AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
RECONCILED: Final = "Reconciled"
STALLED: Final = "Stalled"

PENDING: Final = "Pending"
"""Before any operator has seen the pool: the CRD's default."""
PARKED: Final = "Parked"
PAUSED: Final = "Paused"
STARTING: Final = "Starting"
UPDATING: Final = "Updating"
DELETING: Final = "Deleting"
NO_PROXIES: Final = "NoProxies"
INVALID_SPEC: Final = "InvalidSpec"
UNSCHEDULABLE: Final = "Unschedulable"
IMAGE_PULL_FAILED: Final = "ImagePullFailed"
MOUNT_FAILED: Final = "MountFailed"
CONTAINER_START_FAILED: Final = "ContainerStartFailed"
OUT_OF_MEMORY: Final = "OutOfMemory"
CRASH_LOOPING: Final = "CrashLooping"
CONTESTED: Final = "Contested"
PROGRESS_DEADLINE_EXCEEDED: Final = "ProgressDeadlineExceeded"

WORKING: Final = frozenset({STARTING, UPDATING})
"""Reasons of Ready=False in the ordinary course of a change."""
PASSING: Final = WORKING | {DELETING, UNSCHEDULABLE}
"""Reasons of Ready=False that may pass by themselves (an autoscaler adds a node); all others need a person."""


class Reason(NamedTuple):
    """Why a condition has its status: `reason` for programs, `message` for people."""

    reason: str
    message: str
