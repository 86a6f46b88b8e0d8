"""The control groups of the node's pods: the kubelet wants a folder that exists, and nothing may be left of it."""

from collections.abc import Iterator
from pathlib import Path

from tests.cluster.node.places import digest, state

_ROOT = Path("/sys/fs/cgroup")


def name() -> str:
    """One for each state folder: a kubelet removes all pods below its own that it does not know."""
    return f"tyrex-pool-node-{digest([], str(state()))}"


def create() -> None:
    for hierarchy in _hierarchies():
        (hierarchy / name()).mkdir(exist_ok=True)


def remove() -> None:
    """After the last process in them has ended."""
    for hierarchy in _hierarchies():
        top = hierarchy / name()
        for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        if top.is_dir():
            top.rmdir()


def _hierarchies() -> Iterator[Path]:
    """The one of version 2, or each mounted one of version 1."""
    if (_ROOT / "cgroup.controllers").exists():
        yield _ROOT
    else:
        yield from (
            folder for folder in _ROOT.iterdir() if (folder / "cgroup.procs").exists() and not folder.is_symlink()
        )
