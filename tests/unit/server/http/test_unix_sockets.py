"""The files of Unix sockets: whose they are, and who removes them."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tyrex_pool.server.http.unix_socket import UnixSocket

BACKLOG = 4


@pytest.fixture
def path() -> Iterator[Path]:
    """A path of a socket may have 107 bytes only."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "s"


def answers(path: Path, by: UnixSocket) -> bool:
    """Whether a connection to `path` reaches that socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        by.listening.setblocking(False)
        try:
            by.listening.accept()[0].close()
        except BlockingIOError:
            return False
    return True


def close(server: UnixSocket) -> None:
    server.listening.close()
    server.remove()


def test_it_is_removed_at_the_end(path: Path) -> None:
    server = UnixSocket(str(path), BACKLOG)
    assert answers(path, server)
    close(server)
    assert not path.exists()


def test_one_in_use_is_refused_and_goes_on(path: Path) -> None:
    first = UnixSocket(str(path), BACKLOG)
    for _ in range(3):
        with pytest.raises(OSError, match="in use by another server") as caught:
            UnixSocket(str(path), BACKLOG)
        assert (caught.value.errno, caught.value.filename) == (errno.EADDRINUSE, str(path))
    for _ in range(3):  # the questions whether it is there
        first.listening.accept()[0].close()
    assert answers(path, first)
    close(first)


def test_one_whose_backlog_is_full_is_in_use(path: Path) -> None:
    server = UnixSocket(str(path), 0)
    waiting = []
    for _ in range(8):
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        waiting.append(client)
        if client.connect_ex(str(path)) == errno.EAGAIN:
            break
    with pytest.raises(OSError, match="in use"):
        UnixSocket(str(path), BACKLOG)
    for client in waiting:
        client.close()
    close(server)


def test_what_a_killed_server_left_is_replaced(path: Path) -> None:
    code = "import os, sys; from tyrex_pool.server.http.unix_socket import UnixSocket; UnixSocket(sys.argv[1], 1); "
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    subprocess.run([sys.executable, "-c", f"{code}os._exit(0)", path], check=True, env=environment, timeout=60)
    assert path.is_socket()
    server = UnixSocket(str(path), BACKLOG)
    assert answers(path, server)
    close(server)
    assert not path.exists()


def test_the_end_leaves_the_socket_of_another(path: Path) -> None:
    """Somebody has removed the first one's file, and started a second server in its place."""
    first = UnixSocket(str(path), BACKLOG)
    path.unlink()
    second = UnixSocket(str(path), BACKLOG)
    close(first)
    assert answers(path, second)
    close(second)
    assert not path.exists()


def test_the_end_without_its_file(path: Path) -> None:
    server = UnixSocket(str(path), BACKLOG)
    path.unlink()
    close(server)


def _file(path: Path) -> None:
    path.write_text("precious")


def _folder(path: Path) -> None:
    path.mkdir()


def _link_to_a_file(path: Path) -> None:
    path.with_name("precious").write_text("precious")
    path.symlink_to(path.with_name("precious"))


def _dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [_file, _folder, _link_to_a_file, _dangling_link, _fifo])
def test_what_is_no_socket_is_refused_and_stays(path: Path, plant: Callable[[Path], None]) -> None:
    plant(path)
    before = path.lstat()
    with pytest.raises(OSError, match="no socket: choose another path") as caught:
        UnixSocket(str(path), BACKLOG)
    assert caught.value.filename == str(path)
    assert path.lstat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere/s", "No such file or directory"), ("s" * 108, "choose a shorter path: AF_UNIX path")]
)
def test_a_path_that_cannot_be(path: Path, name: str, said: str) -> None:
    wrong = path.parent / name
    with pytest.raises(OSError, match=said) as caught:
        UnixSocket(str(wrong), BACKLOG)
    assert caught.value.filename in (str(wrong), str(wrong.parent))


def test_of_many_that_start_at_once_one_serves(path: Path) -> None:
    """Also where a killed server left its socket."""

    def start(_: int) -> UnixSocket | None:
        try:
            return UnixSocket(str(path), BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return None

    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            (server,) = [each for each in threads.map(start, range(8)) if each is not None]
        server.listening.close()  # and its file stays
        assert path.is_socket()
