"""Links between the project's pages lead to files and headings that exist."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Link(NamedTuple):
    page: Path
    target: str


def pages(root: Path) -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "*.md"], cwd=root, check=True, capture_output=True, text=True).stdout
    return [root / name for name in listing.splitlines() if not name.startswith("tests/")]


def anchors(text: str) -> set[str]:
    """As GitHub names the headings of a page."""
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in _HEADING.findall(_FENCE.sub("", text)))
    return {head.replace(" ", "-") for head in plain}


def broken(link: Link) -> bool:
    path, _, anchor = link.target.partition("#")
    file = link.page.parent / unquote(path) if path else link.page
    return not file.exists() or bool(anchor and anchor not in anchors(file.read_text()))


def test_every_link_leads_somewhere(root: Path) -> None:
    links = [Link(page, target) for page in pages(root) for target in _LINK.findall(_FENCE.sub("", page.read_text()))]
    local = [link for link in links if not re.match(r"https?:|mailto:", link.target)]
    assert len(local) > 50
    assert [link for link in local if broken(link)] == []


def test_a_broken_one_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `NODE_ENV`, and more\n```\n# no heading\n```\n")
    targets = ["page.md", "page.md#node_env-and-more", "#node_env-and-more", "page.md#no-heading", "nowhere.md", "#no"]
    assert [broken(Link(page, target)) for target in targets] == [False, False, False, True, True, True]
