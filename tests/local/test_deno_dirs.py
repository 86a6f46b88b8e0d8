"""Each isolate has a DENO_DIR of its own, which goes with it."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.disk import Disk, settled
from tests.local.problems import problem
from tests.local.running import RunningPool, running, until

DATA = (
    "(async () => { for (let i = 0; i < 20; i++) await import("
    "'data:application/typescript,' + encodeURIComponent(`export const a: string = '${i}${'x'.repeat(100_000)}'`)) })()"
)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path.resolve())
    monkeypatch.setattr(tempfile, "tempdir", str(disk.temporary))
    return disk


def wait_replaced(pool: RunningPool, epochs: dict[str, int]) -> None:
    until(lambda: pool.epochs() != epochs)


MAIN = "interface Of { answer: number }\nglobalThis.answer = (): number => ({answer: 42} as Of).answer"


@pytest.mark.parametrize(
    "permissions",
    [{}, {"allow": {"write": ["*"], "read": ["*"]}}, {"default": "AllowAll"}],
    ids=["nothing", "write", "AllowAll"],
)
def test_nothing_of_it_outlives_its_isolate(start: Start, disk: Disk, permissions: dict[str, Any]) -> None:
    pool = start(size=1, permissions=permissions, mainModule={"inline": MAIN})
    before = disk.wait_deno_dirs(2)
    epochs = pool.epochs()
    assert pool.post(DATA, timeoutMs=20_000).status_code == 200
    problem(pool.post("Deno.exit()"), "dead_runtime_error", "guest")
    wait_replaced(pool, epochs)
    after = disk.wait_deno_dirs(2)
    assert len(set(before) & set(after)) == 1, "the one that was the spare's"
    assert not [path for folder in after for path in folder.glob("gen/data/*")]
    assert pool.call("answer").json() == {"result": 42}


def test_no_isolate_finds_what_another_one_wrote(start: Start, disk: Disk) -> None:
    pool = start(size=3, permissions={"allow": {"write": ["*"], "read": ["*"]}}, mainModule={"inline": MAIN})
    assert pool.post(DATA, timeoutMs=20_000).status_code == 200
    written = [folder for folder in disk.deno_dirs() if list(folder.glob("gen/data/*"))]
    assert len(written) == 1


def test_later_isolates_find_the_main_module_compiled(start: Start, disk: Disk) -> None:
    pool = start(size=1, mainModule={"inline": MAIN})
    settled(2)
    for _ in range(2):  # the first two started at once, before anything complete was kept
        epochs = pool.epochs()
        problem(pool.post("Deno.exit()"), "dead_runtime_error", "guest")
        wait_replaced(pool, epochs)
    settled(2)
    for folder in disk.wait_deno_dirs(2):
        assert list(folder.glob("gen/file/**/main.ts.js")), folder
        assert (folder / "v8_code_cache_v2").stat().st_size > 0


def test_the_end_leaves_no_folder(disk: Disk) -> None:
    with ExitStack() as stack:
        for permissions in ({}, {"default": "AllowAll"}):
            pool = stack.enter_context(running({"size": 2, "permissions": permissions}))
            assert pool.post(DATA, timeoutMs=20_000).status_code == 200
        assert disk.deno_dirs()
    assert disk.deno_dirs() == []


LAZY = {
    "main.ts": "globalThis.later = async () => (await import('./lazy.ts')).answer;",
    "lazy.ts": "import { half } from './deep.ts'; export const answer: number = 2 * half;",
    "deep.ts": "export const half: number = 21;",
}


def test_what_the_main_module_imports_later_is_compiled_before(start: Start, disk: Disk) -> None:
    """Else Deno would try to write it when an eval waits for it."""
    pool = start({"main": LAZY}, size=1, mainModule={"configMap": {"name": "main", "entrypoint": "main.ts"}})
    for folder in disk.wait_deno_dirs(2):
        assert {path.name for path in folder.glob("gen/file/**/modules/**/*.js")} == {f"{name}.js" for name in LAZY}
    assert pool.call("later").json() == {"result": 42}
    assert not list(disk.temporary.glob("**/*.tmp")), "nothing was tried"
