"""What README.md and docs/ show of inputs, await and sessions: a reader who tries it gets the same."""

import shutil

import pytest

from tests.documents import Block, Section, sections
from tests.local.reader import ROOT, Reader

SERVE = Block("console", "$ tyrex-pool serve hello.yaml\n")
PAGES = {
    "README.md": ("Evaluate",),
    "docs/http.md": ("Inputs", "Await", "Sessions"),
    "docs/local-pool.md": ("Inputs and sessions",),
}


def _sections() -> list[Section]:
    found = [(page, section) for page in PAGES for section in sections(ROOT / page)]
    return [section for page, section in found if section.title in PAGES[page]]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("reader"))
    shutil.copy(ROOT / "examples" / "hello.yaml", reader.folder)
    return reader


def test_every_section_is_there() -> None:
    assert [section.title for section in _sections()] == [title for titles in PAGES.values() for title in titles]


@pytest.mark.parametrize("section", [pytest.param(section, id=section.title) for section in _sections()])
def test_a_reader_gets_what_the_page_shows(reader: Reader, section: Section) -> None:
    reader.follow(section._replace(blocks=[SERVE, *section.blocks]))
