"""A DENO_DIR for each isolate; tests/local/test_files.py has what Deno makes of it."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tyrex_pool.runtime.deno_caches import DenoCaches


def filled(directory: Path, text: str) -> Path:
    """As Deno leaves it when the main module is loaded, with a database that is still open."""
    (directory / "gen" / "file").mkdir(parents=True, exist_ok=True)
    (directory / "gen" / "file" / "main.ts.js").write_text(text)
    for name in ("v8_code_cache_v2", "dep_analysis_cache_v2"):
        database = sqlite3.connect(directory / name)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE cache (text)")
        database.execute("INSERT INTO cache VALUES (?)", (text,))
        database.commit()
    return directory


def rows(directory: Path, name: str = "v8_code_cache_v2") -> list[str]:
    return [row[0] for row in sqlite3.connect(directory / name).execute("SELECT text FROM cache")]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_each_is_new_and_what_the_first_wrote_is_in_those_after(tmp_path: Path) -> None:
    caches = DenoCaches(tmp_path, {}, True)
    first, early = caches.make(), caches.make()
    assert names(first) == names(early) == ["location_data"]
    caches.keep(filled(first, "first"))
    caches.keep(filled(early, "early"))
    for _ in range(2):
        later = caches.make()
        assert (later / "gen" / "file" / "main.ts.js").read_text() == "first"
        assert rows(later) == rows(later, "dep_analysis_cache_v2") == ["first"]
        (later / "gen" / "file" / "main.ts.js").write_text("changed")
        sqlite3.connect(later / "v8_code_cache_v2").executescript("DELETE FROM cache")
        shutil.rmtree(later)
    assert not list(caches.make().glob("*-wal")), "a copy has no part that waits to be written"


def test_those_that_write_nothing_share_what_is_compiled(tmp_path: Path) -> None:
    caches = DenoCaches(tmp_path, {}, False)
    caches.keep(filled(caches.make(), "first"))
    one, two = caches.make(), caches.make()
    assert (one / "gen").resolve() == (two / "gen").resolve()
    assert (one / "gen" / "file" / "main.ts.js").read_text() == "first"
    assert (one / "gen" / "data").is_file(), "no folder for what guests import"
    assert rows(one) == rows(two) == ["first"]
    sqlite3.connect(one / "v8_code_cache_v2").executescript("DELETE FROM cache")
    assert rows(two) == ["first"]
    shutil.rmtree(one)
    assert (two / "gen" / "file" / "main.ts.js").exists(), "what goes with an isolate is its own"


def test_what_was_compiled_before_is_in_the_first_ones(tmp_path: Path) -> None:
    caches = DenoCaches(tmp_path, {}, True)

    def fill(directory: Path) -> None:
        filled(directory, "compiled")

    caches.prepare(fill)
    first = caches.make()
    assert (first / "gen" / "file" / "main.ts.js").read_text() == "compiled"
    assert [path.name for path in tmp_path.glob("deno-*")] == [first.name], "the one that was filled is gone"
    (first / "gen" / "file" / "main.ts.js").write_text("started")
    for text in ("started", "late"):
        (first / "gen" / "file" / "main.ts.js").write_text(text)
        caches.keep(first)
        assert (caches.make() / "gen" / "file" / "main.ts.js").read_text() == "started"


def test_nothing_else_is_kept(tmp_path: Path) -> None:
    caches = DenoCaches(tmp_path, {}, True)
    first = filled(caches.make(), "x")
    (first / "registries").mkdir()
    (first / "node_modules").mkdir()
    caches.keep(first)
    assert names(caches.make()) == ["dep_analysis_cache_v2", "gen", "location_data", "v8_code_cache_v2"]


def test_a_database_that_is_broken_costs_nothing_else(tmp_path: Path) -> None:
    caches = DenoCaches(tmp_path, {}, True)
    first = filled(caches.make(), "x")
    (first / "node_analysis_cache_v2").write_text("no database")
    caches.keep(first)
    assert rows(caches.make()) == ["x"]


def test_web_storages_have_no_folder(tmp_path: Path) -> None:
    assert (DenoCaches(tmp_path, {}, True).make() / "location_data").is_file()


def test_downloads_are_shared(tmp_path: Path) -> None:
    (tmp_path / "machine" / "npm").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    downloads = {"npm": tmp_path / "machine" / "npm", "remote": tmp_path / "machine" / "remote"}
    caches = DenoCaches(tmp_path / "own", downloads, True)
    for directory in (caches.make(), caches.make()):
        assert {name: (directory / name).resolve() for name in downloads} == downloads
    caches.keep(caches.make())
    assert (caches.make() / "npm").resolve() == downloads["npm"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_modules_of_an_image_are_linked_one_by_one(tmp_path: Path) -> None:
    image = tmp_path / "image" / "remote"
    (image / "https").mkdir(parents=True)
    (image / "https" / "module").write_text("1")
    image.chmod(0o500)
    (tmp_path / "own").mkdir()
    made = DenoCaches(tmp_path / "own", {"remote": image}, True).make()
    assert (made / "remote" / "https" / "module").read_text() == "1"
    (made / "remote" / "https" / "more").write_text("2")
    assert not (image / "https" / "more").exists()
