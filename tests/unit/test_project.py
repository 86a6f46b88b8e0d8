"""The project's own files: pins, what the wheel carries, and no trace of the machine that wrote them."""

import json
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmjs\.com|static\.crates|proxy\.golang|deb\.debian|repo1?\.maven"
)
MACHINE = re.compile(r"(?<![\w.])/(?:root|work/(?:main|shared|\.library)|tmp/lab)\b")


def files(root: Path) -> Iterator[Path]:
    """The files that are committed or would be."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return (root / name for name in listing.split("\0") if name and (root / name).is_file())


@pytest.mark.parametrize(
    "pattern", [pytest.param(REGISTRY, id="package-registry"), pytest.param(MACHINE, id="machine-path")]
)
def test_no_file_names(root: Path, pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()[:100]}"
        for path in files(root)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def test_requirements_are_the_package_s(root: Path) -> None:
    def wanted(part: str) -> list[str]:
        lines = (root / f"requirements/{part}.in").read_text().splitlines()
        return [line for line in lines if line and line[0] not in "#-"]

    described = tomllib.loads((root / "pyproject.toml").read_text())
    project = described["project"]
    without_deno = [line for line in project["dependencies"] if not line.startswith("deno")]
    assert wanted("runtime") == project["dependencies"]
    assert wanted("operator") == [*without_deno, *project["optional-dependencies"]["operator"]]
    assert wanted("otlp") == project["optional-dependencies"]["otlp"]
    assert wanted("build") == described["build-system"]["requires"]


@pytest.mark.parametrize("part", ["runtime", "operator", "otlp", "build", "dev", "bench"])
def test_every_requirement_is_pinned_with_a_hash(root: Path, part: str) -> None:
    text = re.sub(r"^#.*\n", "", (root / f"requirements/{part}.txt").read_text(), flags=re.MULTILINE)
    entries = text.replace("\\\n", " ").splitlines()
    assert entries
    assert [e for e in entries if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", e)] == []


def test_shared_requirements_have_one_version(root: Path) -> None:
    def pins(part: str) -> dict[str, str]:
        text = (root / f"requirements/{part}.txt").read_text()
        return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))

    dev = pins("dev")
    for part in ("runtime", "operator", "otlp", "build", "bench"):
        assert {name: pin for name, pin in pins(part).items() if dev.get(name, pin) != pin} == {}


def test_the_wheel_carries_the_guest_and_the_crd(root: Path, tmp_path: Path) -> None:
    wheel = next(WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        crd = archive.read("tyrex_pool/_crds/tyrexpool.yaml")
    guest = {name.removeprefix("tyrex_pool/_guest/") for name in names if name.startswith("tyrex_pool/_guest/")}
    assert guest == {"isolate.js", "rewrite.js"}
    assert crd == (root / "crds/tyrexpool.yaml").read_bytes()
    package = root / "operator/tyrex_pool"
    assert {str(p.relative_to(package.parent)) for p in package.rglob("*.py")} <= names
    assert "tyrex_pool/py.typed" in names


def test_the_packages_of_the_example_programs_are_pinned_with_hashes(root: Path) -> None:
    programs = root / "examples" / "programs"
    wanted = json.loads((programs / "package.json").read_text())["dependencies"]
    lock = json.loads((programs / "deno.lock").read_text())
    pins = {name.removeprefix("npm:"): version.partition("_")[0] for name, version in lock["specifiers"].items()}
    assert pins == {f"{name}@{version}": version for name, version in wanted.items()}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    packages = lock["npm"].values()
    assert packages
    assert [one for one in packages if not re.fullmatch(r"sha512-[\w+/]{86}==", one["integrity"])] == []
    assert not re.search(r"https?:|tarball", (programs / "deno.lock").read_text())


def test_images_are_built_from_all_that_a_package_has(root: Path) -> None:
    build = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    kept = [line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in build["targets"]["wheel"]["only-include"]:
        assert any(path == one or path.startswith(f"{one}/") for one in kept), f".dockerignore leaves out {path}"
