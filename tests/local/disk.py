"""What isolates have on disk, and the processes that they are."""

import os
import resource
from contextlib import suppress
from pathlib import Path

from tests.local.running import until


class Disk:
    """All files that an isolate could reach with some function: `temporary` files, and a `folder` of somebody's."""

    def __init__(self, root: Path) -> None:
        self.temporary = root / "tmp"
        self.folder = root / "folder"
        self.temporary.mkdir()
        self.folder.mkdir()
        self._root = root

    def sizes(self) -> dict[str, int]:
        """Of files that are not empty."""
        found = {}
        for folder, _, files in os.walk(self._root):
            for name in files:
                path = Path(folder) / name
                found[str(path)] = path.lstat().st_size
        return {name: size for name, size in found.items() if size}

    def deno_dirs(self) -> list[Path]:
        return sorted(self.temporary.glob("tyrex-pool-*/private/*/deno-*"))

    def wait_deno_dirs(self, number: int) -> list[Path]:
        """When there are so many."""
        until(lambda: len(self.deno_dirs()) == number)
        return self.deno_dirs()


def isolates() -> list[int]:
    """The processes of this process's pools."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
            if name == "deno" and int(rest.split()[1]) == os.getpid():
                found.append(int(stat.parent.name))
    return found


def settled(isolates_in_all: int) -> None:
    """Until all isolates have loaded their main module, and may write no more."""
    until(lambda: [limit(pid) for pid in isolates()] == [(0, 0)] * isolates_in_all)


def limit(pid: int) -> tuple[int, int]:
    try:
        return resource.prlimit(pid, resource.RLIMIT_FSIZE)
    except ProcessLookupError:
        return (-1, -1)
