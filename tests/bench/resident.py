"""The memory and the descriptors of processes, read from /proc (Linux)."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tests.bench.processes import tree

KIB, MIB = 1 << 10, 1 << 20
_FIELDS = {name: re.compile(rf"^{name}:\s+(\d+) kB", re.MULTILINE) for name in ("Pss", "Rss")}


def memory(pids: Iterable[int]) -> int:
    """Bytes that these processes hold (PSS: a page that several share counts once in all); 0 for one that is gone."""
    return sum(_field(pid, "Pss") for pid in pids)


def resident(pids: Iterable[int]) -> int:
    """Bytes in memory (RSS), shared or not: steady also while a process forks, and shares every page for a moment."""
    return sum(_field(pid, "Rss") for pid in pids)


def _field(pid: int, name: str) -> int:
    try:
        found = _FIELDS[name].search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) * KIB if found else 0


def descriptors(pid: int) -> int:
    """Files, sockets and pipes that a process has open; 0 when it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - only their number is wanted
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Every process below this one: a server's isolates."""
    return tree(pid)[1:]


def require_proc() -> None:
    """SystemExit where the system does not tell what a process holds."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise SystemExit("memory and soak need Linux's /proc/PID/smaps_rollup: leave them out with --sections")
