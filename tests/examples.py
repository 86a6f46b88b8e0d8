"""The example manifests, and what the comments in them promise."""

import doctest
from pathlib import Path
from typing import NamedTuple

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.yaml"))
URL = "http://127.0.0.1:8080"
"""What the comments say; the tests serve elsewhere."""

each_example = pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in EXAMPLES])


class Shown(NamedTuple):
    """A command in a comment and the output below it; `...` stands for anything."""

    command: str
    output: str

    def check(self, printed: str) -> None:
        """`printed` is what the comment says."""
        as_shown = doctest.OutputChecker().check_output(self.output, printed, doctest.ELLIPSIS)
        assert as_shown, f"{self.command}\n{printed}\nthe file says\n{self.output}"


def transcript(file: Path) -> list[Shown]:
    """The commands that the head comment shows with a `$`, in their order."""
    shown: list[Shown] = []
    inside = False
    for line in file.read_text().splitlines():
        text = line.removeprefix("#   ")
        if text.startswith("$ "):
            shown.append(Shown(text.removeprefix("$ "), ""))
        elif inside and line.startswith("#   "):
            shown[-1] = Shown(shown[-1].command, f"{shown[-1].output}{text}\n")
        inside = line.startswith("#   ") and (inside or text.startswith("$ "))
    return shown
