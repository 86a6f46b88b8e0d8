"""What Deno keeps on disk (`DENO_DIR`), in a folder of its own for each isolate, removed with it.

Deno keeps what it compiled there, also code of guests (`data:` imports), for which it needs no permission. So isolates
share none that they may write. But a start without these caches takes twice as long: what the first isolate had written
when the main module was loaded, and before any eval, is kept, and each later isolate gets a copy. Downloads are shared.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

_COMPILED: Final = "gen"
_OF_GUESTS: Final = "data"
"""What is compiled of `data:` imports, in the folder of what is compiled."""
_DATABASES: Final = "*_cache_v*[0-9]"
"""SQLite files; those with `-wal` and `-shm` behind the number belong to them."""


class DenoCaches:
    """Makes the caches of isolates in `folder`. `downloads` are those of the machine, by name in DENO_DIR.

    `writable`: isolates may write files. Those that may not share the compiled modules, which are many small files.
    """

    def __init__(self, folder: Path, downloads: dict[str, Path], writable: bool) -> None:
        self._folder = folder
        self._writable = writable
        self._kept: Path | None = None
        self._complete = False
        self._downloads = {}
        for name, target in downloads.items():
            with contextlib.suppress(OSError):  # then the cache is empty and stays empty
                target.mkdir(parents=True, exist_ok=True)
            if name == "remote" and target.is_dir() and not os.access(target, os.W_OK):
                _mirror(target, folder / name)  # an image's; Deno needs npm's files in their own place
                self._downloads[name] = folder / name
            elif target.is_dir():
                self._downloads[name] = target

    def make(self) -> Path:
        """A new DENO_DIR; the caller removes it. Raises OSError.

        A file stands in the place of the folder that Deno would create for `localStorage` and `caches`: no permission
        guards these.
        """
        directory = Path(tempfile.mkdtemp(prefix="deno-", dir=self._folder))
        (directory / "location_data").touch()
        for name, target in self._downloads.items():
            (directory / name).symlink_to(target)
        if self._kept is not None:
            self._fill(directory, self._kept)
        return directory

    def _fill(self, directory: Path, kept: Path) -> None:
        for database in kept.glob(_DATABASES):
            shutil.copyfile(database, directory / database.name)
        if self._writable:
            _copy_tree(kept / _COMPILED, directory / _COMPILED)
        else:
            (directory / _COMPILED).symlink_to(kept / _COMPILED)

    def prepare(self, fill: Callable[[Path], None]) -> None:
        """Have `fill` write to a DENO_DIR, and start the first isolates with what it wrote. Raises OSError."""
        directory = self.make()
        fill(directory)
        self._kept = self._copy(directory)
        shutil.rmtree(directory, ignore_errors=True)

    def keep(self, directory: Path) -> None:
        """Keep for later isolates what the first one that is ready has in its DENO_DIR. No guest may have run with it.
        Raises OSError.
        """
        if not self._complete:
            self._kept, self._complete = self._copy(directory), True

    def _copy(self, directory: Path) -> Path:
        kept = Path(tempfile.mkdtemp(prefix="kept-", dir=self._folder))
        _copy_tree(directory / _COMPILED, kept / _COMPILED)
        if not self._writable and not (kept / _COMPILED / _OF_GUESTS).exists():
            (kept / _COMPILED / _OF_GUESTS).touch()  # a file where Deno would make a folder
        for database in directory.glob(_DATABASES):
            _copy_database(database, kept / database.name)
        return kept


def _copy_database(source: Path, target: Path) -> None:
    """Its isolate still writes to it. Without SQLite (a Python may lack it) starts are slower."""
    with contextlib.suppress(ImportError):
        import sqlite3

        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(source)) as running,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            running.backup(copy)


def _copy_tree(source: Path, target: Path) -> None:
    """An empty folder if there is nothing to copy."""
    target.mkdir()
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile, dirs_exist_ok=True)


def _mirror(source: Path, target: Path) -> None:
    """Links to the same files, in folders of our own, to which isolates may add files."""
    for folder, _, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir()
        for name in files:
            (here / name).symlink_to(Path(folder) / name)
