"""The folders of pools: whose they are, when they go, and what others may have put in their place."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tyrex_pool.runtime.folders import Folders


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folders of all pools will be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"tyrex-pool-{os.geteuid()}"


def test_they_are_this_users_alone(root: Path) -> None:
    folders = Folders()
    for folder in (root, root / "private", root / "modules", folders.private, folders.modules):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert folders.private.parent == root / "private"
    assert folders.modules.parent == root / "modules"
    folders.close()


def test_the_last_pool_takes_the_folder_of_all_with_it(root: Path) -> None:
    first, second = Folders(), Folders()
    (first.private / "deno").mkdir()
    (first.modules / "main.ts").write_text("1")
    first.close()
    assert not first.private.exists()
    assert not first.modules.exists()
    assert second.private.is_dir()
    second.close()
    assert not root.exists()


def test_to_close_twice_is_nothing(root: Path) -> None:
    folders = Folders()
    folders.close()
    folders.close()
    assert not root.exists()


def test_what_a_crash_left_goes_with_the_next_start(root: Path) -> None:
    code = "from tyrex_pool.runtime.folders import Folders; f = Folders(); print(f.private, f.modules); input()"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"TMPDIR": str(root.parent)}
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as server:
        assert server.stdout is not None
        left = [Path(name) for name in server.stdout.readline().split()]
        own = Folders()
        assert [folder.is_dir() for folder in left] == [True, True], "its server lives"
        own.close()
        server.send_signal(signal.SIGKILL)
        server.wait(10)
    own = Folders()
    assert [folder.exists() for folder in left] == [False, False]
    own.close()
    assert not root.exists()


@pytest.mark.parametrize("killed", [1, 3])
def test_what_several_crashes_left_goes_at_once(root: Path, killed: int) -> None:
    living = Folders()
    left = []
    for _ in range(killed):
        folders = Folders()
        (folders.private / "deno").mkdir()
        os.close(folders._lock)  # what the kernel does for a killed one
        left += [folders.private, folders.modules]
    Folders().close()
    assert not any(folder.exists() for folder in left)
    assert living.private.is_dir()
    assert living.modules.is_dir()
    living.close()


def test_what_is_no_pool_s_folder_hinders_no_start(root: Path) -> None:
    folders = Folders()
    (root / "private" / "file").write_text("")
    (root / "private" / "link").symlink_to(root.parent)
    (root / "private" / "dangling").symlink_to(root / "nowhere")
    Folders().close()
    folders.close()
    assert sorted(path.name for path in (root / "private").iterdir()) == ["dangling", "file", "link"]


def test_many_at_once(root: Path) -> None:
    def once(_: int) -> bool:
        folders = Folders()
        there = folders.private.is_dir() and folders.modules.is_dir()
        folders.close()
        return there

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(once, range(200)))
    assert not root.exists()


def _link(root: Path) -> None:
    (root.parent / "elsewhere").mkdir(mode=0o700)
    root.symlink_to(root.parent / "elsewhere")


def _link_elsewhere(root: Path) -> None:
    (root.parent / "other" / "place").mkdir(mode=0o700, parents=True)
    root.symlink_to(root.parent / "other" / "place")


def _dangling_link(root: Path) -> None:
    root.symlink_to(root.parent / "nowhere")


def _open_to_others(root: Path) -> None:
    root.mkdir()
    root.chmod(0o777)


def _readable_by_others(root: Path) -> None:
    root.mkdir()
    root.chmod(0o755)


def _file(root: Path) -> None:
    root.write_text("")


def _of_somebody_else(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    root.mkdir(mode=0o700)
    os.chown(root, 65_534, 65_534)


@pytest.mark.parametrize(
    "plant", [_link, _link_elsewhere, _dangling_link, _open_to_others, _readable_by_others, _file, _of_somebody_else]
)
def test_what_somebody_else_may_have_put_there_is_refused(root: Path, plant: object) -> None:
    plant(root)  # type: ignore[operator]
    with pytest.raises(PermissionError, match="set TMPDIR to another folder") as caught:
        Folders()
    assert caught.value.filename == str(root)
    assert list(root.parent.glob("**/private")) == []
    assert list(root.parent.glob(f"*/**/{root.name}")) == []


def test_both_names_of_a_linked_temporary_folder_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "link"))
    folders = Folders()
    name = f"tyrex-pool-{os.geteuid()}"
    roots = [str(tmp_path.resolve() / place / name) for place in ("real", "link")]
    assert sorted(folders.closed["write"]) == sorted(roots)
    assert sorted(folders.closed["read"]) == sorted(f"{root}/private" for root in roots)
    assert str(folders.private).startswith(roots[0])
    folders.close()


def test_a_fork_keeps_nothing_alive(root: Path) -> None:
    """A child that the program forks inherits the lock, and must not remove what is its parent's."""
    folders = Folders()
    child = multiprocessing.get_context("fork").Process(target=lambda: None)
    child.start()
    child.join(10)
    assert folders.private.is_dir()
    folders.close()
    assert not root.exists()
