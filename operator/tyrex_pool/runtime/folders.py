"""Where the files of a pool lie while it runs: apart from everything that the pool's guests may be granted.

    <temporary folder>/tyrex-pool-<user>/   of this user alone; no guest may write in it
        private/<pool>/                     the entry file and Deno's caches; no guest may read them either
        modules/<pool>/                     the main module's files, readable with the permission `read`

All pools of a user share the first folder, so that one entry denies those of all servers. A pool's folder is locked
while its server lives: the next server removes those that have no lock, which a crash has left.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from errno import EACCES, ELOOP, ENOTDIR
from pathlib import Path
from typing import Final

_PRIVATE: Final = "private"
_MODULES: Final = "modules"
_OTHERS: Final = 0o077
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Folders:
    """The two folders of one pool, made with the object and removed by `close`."""

    def __init__(self) -> None:
        """Raises OSError, for a folder of somebody else too."""
        root = _root().parent.resolve() / _root().name
        with _locked(root):
            _remove_unlocked(root)
            (root / _PRIVATE).mkdir(mode=0o700, exist_ok=True)
            (root / _MODULES).mkdir(mode=0o700, exist_ok=True)
            self.private = Path(tempfile.mkdtemp(prefix="", dir=root / _PRIVATE))
            self.modules = root / _MODULES / self.private.name
            self.modules.mkdir(mode=0o700)
            self._lock = os.open(self.private, _OPEN)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._root = root

    @property
    def closed(self) -> Mapping[str, tuple[str, ...]]:
        """What no guest may have, by kind of permission: the folders of all pools, also as the environment names them:
        it may lead there through a link."""
        roots = dict.fromkeys((self._root, _root()))
        return {"read": tuple(str(root / _PRIVATE) for root in roots), "write": tuple(map(str, roots))}

    def close(self) -> None:
        """Remove them, and the folder of all pools with the last one."""
        if self._lock < 0:
            return
        os.close(self._lock)
        self._lock = -1
        with contextlib.suppress(OSError), _locked(self._root):
            _remove(self._root, self.private.name)
            for folder in (self._root / _PRIVATE, self._root / _MODULES, self._root):
                with contextlib.suppress(FileNotFoundError):  # another server has removed it meanwhile
                    folder.rmdir()  # fails, and ends this, while others are there


def _root() -> Path:
    return Path(tempfile.gettempdir()) / f"tyrex-pool-{os.geteuid()}"


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of the folder of all pools, which is made if it is missing."""
    while True:
        with contextlib.suppress(FileExistsError):
            root.mkdir(mode=0o700)
        with contextlib.suppress(FileNotFoundError):  # its last pool has just removed it
            descriptor = _open(root)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), root.lstat()):
                    break
            except FileNotFoundError:
                pass
            os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


def _open(root: Path) -> int:
    """Raises PermissionError for what another user can have put there, in a temporary folder that all may write to."""
    try:
        descriptor = os.open(root, _OPEN)
    except OSError as error:
        if error.errno in (ENOTDIR, ELOOP):  # a file, or a link, as Linux and macOS say it
            raise _strange(root) from None
        raise
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
        os.close(descriptor)
        raise _strange(root)
    return descriptor


def _strange(root: Path) -> PermissionError:
    reason = (
        "remove it, or set TMPDIR to another folder: it must be a folder that only the user of this process can use"
    )
    return PermissionError(EACCES, reason, str(root))


def _remove_unlocked(root: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        for folder in list((root / _PRIVATE).iterdir()):
            try:
                descriptor = os.open(folder, _OPEN)
            except OSError:  # no pool's folder: a file or a link
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(root, folder.name)
            except BlockingIOError:
                pass
            finally:
                os.close(descriptor)


def _remove(root: Path, name: str) -> None:
    shutil.rmtree(root / _MODULES / name, ignore_errors=True)
    shutil.rmtree(root / _PRIVATE / name, ignore_errors=True)
