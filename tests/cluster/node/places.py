"""Where the harness keeps things, and names them by what they were made of."""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The checkout."""
HERE = Path(__file__).resolve().parent


def cache() -> Path:
    """The folder of everything that is built: `$TYREX_NODE_CACHE`, or one in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tyrex-pool" / "node"
    folder = Path(os.environ.get("TYREX_NODE_CACHE") or default).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def state() -> Path:
    """The folder of the running node; it exists only while there is one. Each `$TYREX_NODE_STATE` is another node."""
    return Path(os.environ.get("TYREX_NODE_STATE") or cache() / "state").absolute()


def digest(files: Iterable[Path], *settings: str) -> str:
    """A short name for what is made of these files (their content) with these settings."""
    found = hashlib.sha256("\0".join(settings).encode())
    for path in sorted(files):
        found.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time builds, starts or stops."""
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
