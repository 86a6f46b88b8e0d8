"""`docs/migrate.md`: its programs print what they say, and each code in its tables does what the arrow promises."""

import ast
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import tyrex_pool
from tests.documents import Section, sections
from tests.local.reader import PROGRAMS, Reader
from tests.local.running import RunningPool, running
from tyrex_pool import LocalPool
from tyrex_pool.model.spec import PoolSpec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrate.md"
SECTIONS = sections(PAGE)
SPEC = yaml.safe_load((PROGRAMS / "sandbox.yaml").read_text())["spec"]
_CODE = re.compile(r"`([^`]+)`(?: → `([^`]+)`)?")
_FIELD = re.compile(r"[a-z]\w+: \{")


class Row(NamedTuple):
    """What one line of a table promises: codes, with the result after the arrow, if there is one."""

    section: str
    had: str
    here: list[tuple[str, str]]

    def of(self, start: str) -> list[tuple[str, str]]:
        return [(code, result) for code, result in self.here if code.startswith(start)]


def rows() -> Iterator[Row]:
    for section in SECTIONS:
        for table in section.tables:
            for had, here in table:
                yield Row(section.title, had, _CODE.findall(here))


def each(start: str) -> pytest.MarkDecorator:
    found = [row for row in rows() if row.of(start)]
    return pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.section}-{row.had}") for row in found])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("reader"))


@pytest.mark.parametrize("section", [pytest.param(s, id=s.title) for s in SECTIONS if s.blocks])
def test_a_reader_gets_what_the_page_shows(reader: Reader, section: Section) -> None:
    reader.follow(section)


@pytest.fixture(scope="module")
def pool() -> Iterator[RunningPool]:
    with running(SPEC) as pool:
        yield pool


@each('{"')
def test_a_request(pool: RunningPool, row: Row) -> None:
    for text, result in row.of('{"'):
        request = json.loads(text)
        answer = pool.http.post("/v1/call" if "function" in request else "/v1/eval", json=request)
        body = answer.json()
        assert result, f"{text} has no result"
        if answer.is_success:
            assert body["result"] == json.loads(result), text
        else:
            assert body["name"] == result, text


@pytest.fixture
async def local() -> AsyncIterator[LocalPool]:
    members = {name: SPEC[name] for name in ("size", "timeouts", "limits")}
    async with LocalPool(inline=SPEC["mainModule"]["inline"], **members) as pool:
        yield pool


@each("pool.")
async def test_a_call_in_python(local: LocalPool, row: Row) -> None:
    for text, result in row.of("pool."):
        assert result, f"{text} has no result"
        awaitable = eval(text, {"pool": local})
        if hasattr(tyrex_pool, result):
            with pytest.raises(getattr(tyrex_pool, result)):
                await awaitable
        else:
            assert await awaitable == ast.literal_eval(result), text


def test_the_fields_and_arguments_are_there() -> None:
    fields = [code for row in rows() for code, _ in row.here if _FIELD.match(code)]
    calls = [code for row in rows() for code, _ in row.of("LocalPool(")]
    assert len(fields) > 5
    assert len(calls) > 2
    for field in fields:
        spec: dict[str, Any] = yaml.safe_load(field)
        PoolSpec.parse(spec)
    for call in calls:
        assert isinstance(eval(call, {"LocalPool": LocalPool}), LocalPool)


def test_the_tables_are_read() -> None:
    """A change of the page's form must not leave its promises untested."""
    promises = [code for row in rows() for code, result in row.here if result]
    assert len(promises) == PAGE.read_text().count("` → `")
    assert all(code.startswith(('{"', "pool.")) for code in promises)
