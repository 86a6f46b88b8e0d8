"""What a page of the docs holds, so that tests can do what it says: code blocks, transcripts and tables."""

import re
from pathlib import Path
from typing import NamedTuple

from tests.examples import Shown

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FILE = re.compile(r"(?://|#) ([\w.-]+\.\w+)(?::.*)?\n")
_CELLS = re.compile(r"(?<!\\)\|")


class Block(NamedTuple):
    """A fenced block. One whose first line is a comment that begins with a file's name shows that file."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found else None

    def transcript(self) -> list[Shown]:
        """The commands after a `$`, which may go on after a backslash, and the output below each."""
        shown: list[Shown] = []
        for line in self.text.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                shown.append(Shown(line.removeprefix("$ "), ""))
            else:
                shown[-1] = Shown(shown[-1].command, f"{shown[-1].output}{line}\n")
        return shown

    def promised(self) -> str:
        """What a program prints, by the comments beside or below its `print` or `console.log` or `puts`."""
        said = []
        printing = False
        for line in self.text.splitlines():
            code, mark, comment = line.partition("// " if self.language == "js" else "# ")
            prints = bool(re.search(r"\bprint\(|\bconsole\.log\(|^puts ", code))
            if mark and (prints or (printing and not code.strip())):
                said.append(comment)
            printing = prints or (printing and not code.strip())
        return "".join(f"{line}\n" for line in said)


class Section(NamedTuple):
    """From one heading to the next. `tables`: the rows of each, with their cells, without its header."""

    title: str
    blocks: list[Block]
    tables: list[list[list[str]]]


def sections(page: Path) -> list[Section]:
    text = page.read_text()
    blank = _FENCE.sub(lambda block: re.sub(r"(?m)^#", " ", block[0]), text)  # a comment in a block is no heading
    heads = list(_HEADING.finditer(blank))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    return [_section(head[1], text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]


def _section(title: str, text: str) -> Section:
    blocks = [Block(found[1], found[2]) for found in _FENCE.finditer(text)]
    return Section(title, blocks, _tables(_FENCE.sub("", text)))


def _tables(text: str) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            tables[-1].append([cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1]])
        elif tables[-1]:
            tables.append([])
    return [table[2:] for table in tables if table]


def code(cell: str) -> list[str]:
    """What stands between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)
