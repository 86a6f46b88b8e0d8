"""The API server's own account of who wrote what."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

_POD = "authentication.kubernetes.io/pod-name"


class Write(NamedTuple):
    """One request that could change something, whatever came of it. `pod` is the writer's, where it is one."""

    time: datetime
    user: str
    pod: str
    verb: str
    resource: str
    name: str
    """`namespace/name`."""


def now() -> datetime:
    """On the clock that the audit log has."""
    return datetime.now(UTC)


def writes(log: Path, since: datetime) -> list[Write]:
    """Those that were answered since then, in order."""
    return [write for write in map(_write, _events(log)) if write.time >= since]


def _events(log: Path) -> Iterator[dict[str, Any]]:
    with log.open() as lines:
        for line in lines:
            if line.endswith("\n"):  # the last one may be half written
                yield json.loads(line)


def _write(event: dict[str, Any]) -> Write:
    user, about = event["user"], event.get("objectRef", {})
    return Write(
        datetime.fromisoformat(event["stageTimestamp"]),
        user["username"],
        next(iter(user.get("extra", {}).get(_POD, ())), ""),
        event["verb"],
        "/".join(filter(None, (about.get("resource"), about.get("subresource")))),
        f"{about.get('namespace', '')}/{about.get('name', '')}",
    )
