from collections.abc import Iterator
from pathlib import Path

import pytest

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.logs import log
from tyrex_pool.hosting.manifest_file import read_manifest
from tyrex_pool.model.errors import InvalidSpec

MANIFEST = """
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: p}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a.js: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
"""


@pytest.fixture(autouse=True)
def unchanged_log() -> Iterator[None]:
    """`read_manifest` configures the log of the process."""
    handlers, level, propagate = log.handlers, log.level, log.propagate
    yield
    log.handlers, log.propagate = handlers, propagate
    log.setLevel(level)


def test_a_manifest_and_its_sources(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(MANIFEST)
    manifest, sources = read_manifest(str(file))
    assert manifest.name == "p"
    assert (sources.directory, sources.config_maps) == (tmp_path.resolve(), {"c": {"a.js": "1"}})
    assert "not used here: Deployment/web" in capfd.readouterr().err


def test_a_manifest_in_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes("name: ü".encode("latin-1"))
    with pytest.raises(BadInput, match=r"p\.yaml: write UTF-8"):
        read_manifest(str(file))


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """What is written to this file is standard input; the working directory is its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = tmp_path / "stdin"
    file.touch()
    with file.open() as opened:
        monkeypatch.setattr("sys.stdin", opened)
        yield file


def test_a_manifest_from_standard_input(stdin: Path) -> None:
    stdin.write_text(MANIFEST)
    manifest, sources = read_manifest("-")
    assert manifest.name == "p"
    assert (sources.directory, sources.config_maps) == (Path.cwd(), {"c": {"a.js": "1"}})


def test_a_file_that_is_called_so(stdin: Path) -> None:
    Path("-").write_text(MANIFEST)
    assert read_manifest("./-")[0].name == "p"


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        pytest.param(b"", InvalidSpec, "exactly one document", id="empty"),
        pytest.param("name: ü".encode("latin-1"), BadInput, "standard input: write UTF-8", id="encoding"),
        pytest.param(b"a: [", InvalidSpec, "line 1", id="broken"),
    ],
)
def test_standard_input_that_is_no_manifest(stdin: Path, content: bytes, kind: type[Exception], said: str) -> None:
    stdin.write_bytes(content)
    with pytest.raises(kind, match=said):
        read_manifest("-")
