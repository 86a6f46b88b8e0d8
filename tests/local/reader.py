"""A reader of a page of the docs, who does what it says, in a copy of `examples/programs`."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.node.places import cache
from tests.documents import Block, Section
from tests.examples import URL, Shown
from tests.local.commands import command
from tyrex_pool.model.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "examples" / "programs"
_BUILT = ("node_modules", "dist")
_OF_THE_SYSTEM = ("curl", "kubectl", "ruby")
_SECONDS = 60


class Reader:
    """Follows sections, one after another. What `serve` has started ends with the section."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "programs"
        shutil.copytree(PROGRAMS, self.folder, ignore=shutil.ignore_patterns(*_BUILT))
        (self.folder / ".curlrc").write_text("silent\nshow-error\n")  # at a terminal curl shows no progress either
        self._url = URL

    def follow(self, section: Section) -> None:
        with ExitStack() as served:
            for block in section.blocks:
                if block.file:
                    assert block.text == (self.folder / block.file).read_text(), f"{block.file} is different"
                elif block.language == "console":
                    for shown in block.transcript():
                        self._do(shown, served)
                elif block.language in _PROGRAMS:
                    self._run_program(block)
                elif block.language == "yaml":
                    Manifest.load(block.text)
                else:
                    raise AssertionError(f"nobody knows how to run a block of {block.language!r}:\n{block.text}")

    def _do(self, shown: Shown, served: ExitStack) -> None:
        if shown.command == "cd examples/programs":
            return  # there we are
        if shown.command.startswith("tyrex-pool serve "):
            file = self.folder / shown.command.split()[2]
            running = served.enter_context(command("serve", str(file), "--port", "0", "--admin-port", "0"))
            assert running.facts["ready"], running.status()
            self._url = running.url
            return
        printed, status = self.run("bash", "-o", "pipefail", "-c", shown.command.replace(URL, self._url))
        if shown.output:
            shown.check(printed if printed.endswith("\n") else f"{printed}\n")
        else:
            assert status == 0, f"{shown.command}\n{printed}"

    def _run_program(self, block: Block) -> None:
        file = self.folder / f"block.{block.language}"
        file.write_text(block.text.replace(URL, self._url))
        printed, status = self.run(*_PROGRAMS[block.language], str(file))
        assert status == 0, printed
        Shown(block.text, block.promised()).check(printed)

    def run(self, *words: str) -> tuple[str, int]:
        """What the command prints, errors included, and its status; in the folder, with this environment's commands."""
        environment = _environment(self.folder)
        for word in words[-1].split() if words[0] == "bash" else words[:1]:
            if word in _OF_THE_SYSTEM and not shutil.which(word, path=environment["PATH"]):
                pytest.skip(f"{word} is not installed")
        ended = subprocess.run(
            words, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, timeout=_SECONDS,
        )  # fmt: skip
        return ended.stdout, ended.returncode


_PROGRAMS = {
    "python": ("python",),
    "js": ("deno", "run", "--allow-net", "--no-lock"),
    "ruby": ("ruby",),
}


def _environment(folder: Path) -> dict[str, str]:
    """Of the tests' own: the commands beside this Python, those of the tests' node, and a cache for Deno."""
    downloads = cache() / "deno"
    node = (str(folder) for folder in (cache() / "programs").glob("*"))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], *node])
    sources = os.pathsep.join(sys.path)
    return os.environ | {
        "PATH": path, "PYTHONPATH": sources, "DENO_DIR": str(downloads), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1",
        "CURL_HOME": str(folder),
    }  # fmt: skip


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A reader with npm's packages. If they cannot be downloaded the tests are left out; with CI set they fail."""
    reader = Reader(tmp_path_factory.mktemp("reader"))
    said, status = reader.run("deno", "install", "--frozen")
    if status:
        assert "error sending request" in said, said
        reason = "the npm registry cannot be reached, so examples/programs cannot be bundled"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return reader
