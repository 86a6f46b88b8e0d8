"""The file of a Unix socket: taken only when no server listens there, removed only by the server that made it."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ABSENT: Final = (errno.ECONNREFUSED, errno.ENOENT)
"""What `connect` says of a socket whose server has ended, and of none."""


class UnixSocket:
    """A listening socket at `path`, which replaces one that a server left when it was killed.

    Raises OSError, with the path as its filename: for a socket that another server listens on, and for a file that is
    no socket.
    """

    def __init__(self, path: str, backlog: int) -> None:
        self._path = Path(path)
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _alone(self._path.parent):
                _clear(self._path)
                self._bind(backlog)
                self._identity = _identity(self._path)
        except BaseException:
            self.listening.close()
            raise

    def _bind(self, backlog: int) -> None:
        try:
            self.listening.bind(str(self._path))
        except OSError as error:
            if error.errno is None:  # the path is too long, as Python itself says
                raise OSError(errno.ENAMETOOLONG, f"choose a shorter path: {error}", str(self._path)) from None
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self.listening.listen(backlog)

    def remove(self) -> None:
        """Remove the file, unless it is another server's by now."""
        with contextlib.suppress(OSError), _alone(self._path.parent):
            if _identity(self._path) == self._identity:
                self._path.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder: of two servers that start at once, only one may find the place empty."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # one that may be written to, and not read
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _clear(path: Path) -> None:
    """Remove the socket of a server that has ended. Raises OSError for everything else that is there."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise OSError(errno.EEXIST, "it is there, and no socket: choose another path", str(path))
    if _is_served(path):
        raise OSError(errno.EADDRINUSE, "the socket is in use by another server: choose another path", str(path))
    path.unlink(missing_ok=True)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a server whose backlog is full is one
        return probe.connect_ex(str(path)) not in _ABSENT


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
