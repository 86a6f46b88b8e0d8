"""`docs/programs.md`: every command does what stands below it, every table says how it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import Section, code, sections
from tests.local.reader import Reader
from tests.local.reader import workshop as workshop
from tests.local.running import RunningPool, running

PAGE = Path(__file__).resolve().parents[2] / "docs" / "programs.md"
SECTIONS = {section.title: section for section in sections(PAGE)}


@pytest.mark.parametrize("section", [pytest.param(s, id=s.title) for s in SECTIONS.values() if s.blocks])
def test_a_reader_gets_what_the_page_shows(workshop: Reader, section: Section) -> None:
    workshop.follow(section)


@pytest.fixture(scope="module")
def pool() -> Iterator[RunningPool]:
    with running({"size": 1}) as pool:
        yield pool


def rows(title: str) -> list[list[str]]:
    """Of the one table of a section."""
    (table,) = SECTIONS[title].tables
    return table


def answer(pool: RunningPool, value: str) -> str:
    """The result as the JSON that came, or the name of the error."""
    response = pool.post(value)
    body = response.text
    return body.removeprefix('{"result":').removesuffix("}") if response.is_success else response.json()["name"]


@pytest.mark.parametrize(("value", "result", "instead"), rows("Results as JSON"))
def test_a_result_is_the_json_that_the_page_says(pool: RunningPool, value: str, result: str, instead: str) -> None:
    assert answer(pool, *code(value)) == code(result)[0]
    if instead:
        *_, better, gives = code(instead)
        assert answer(pool, better) == gives


MORE_RESULTS = [
    ("Infinity", "null"),
    ("Symbol('s')", "conversion_error"),
    ("[1n]", "conversion_error"),
    ("(class {})", "conversion_error"),
    ("2 ** 53 + 1", "9007199254740992"),
    ("new WeakMap()", "{}"),
    ("[, 1]", "[null,1]"),
    ("new Int8Array(1)", '{"0":0}'),
    ("new Headers({a: 'b'})", "{}"),
    ("[1, 2].values()", "{}"),
    ("new Number(3)", "3"),
    ("({e: new Error('no')})", '{"e":{}}'),
    ("new class { #a = 1; b = 2; get c() { return 3 } }", '{"b":2}'),
    ("Temporal.Instant.fromEpochMilliseconds(0)", '"1970-01-01T00:00:00Z"'),
    ("({then: (done) => done(5)})", "5"),
    ("const a = {}; ({list: [a, a]})", '{"list":[{},{}]}'),
]


@pytest.mark.parametrize(("value", "result"), MORE_RESULTS)
def test_neighbours_of_the_table_follow_the_same_rule(pool: RunningPool, value: str, result: str) -> None:
    assert answer(pool, value) == result


@pytest.mark.parametrize(("environment", "date", "number"), rows("Time zone and locale"))
def test_isolates_have_the_zone_and_the_language_of_the_server(
    monkeypatch: pytest.MonkeyPatch, environment: str, date: str, number: str
) -> None:
    set_environment(monkeypatch, code(environment)[0])
    with running({"size": 1}) as pool:
        assert pool.eval("[String(new Date(0)), (1234.5).toLocaleString()]") == code(date) + code(number)


MORE_ENVIRONMENTS = [
    ("TZ=Asia/Kathmandu LC_ALL=C", ["GMT+0530", "en-US", "1970-01-01"]),
    ("TZ=America/New_York LANG=fr_FR.UTF-8", ["GMT-0500", "fr-FR", "1970-01-01"]),
    ("TZ=UTC LANG=de_DE.UTF-8 LC_ALL=en_GB.UTF-8", ["GMT+0000", "en-GB", "1970-01-01"]),
    ("TZ=UTC LANG=C", ["GMT+0000", "en-US", "1970-01-01"]),
    ("TZ=UTC LANGUAGE=de", ["GMT+0000", "en-US", "1970-01-01"]),
]


@pytest.mark.parametrize(("environment", "seen"), MORE_ENVIRONMENTS)
def test_what_code_sees_of_them(monkeypatch: pytest.MonkeyPatch, environment: str, seen: list[str]) -> None:
    set_environment(monkeypatch, environment)
    with running({"size": 1}) as pool:
        assert (
            pool.eval(
                "[String(new Date(0)).match(/GMT.\\d+/)[0], Intl.DateTimeFormat().resolvedOptions().locale,"
                " new Date(0).toISOString().slice(0, 10)]"
            )
            == seen
        )
        berlin = "new Date(0).toLocaleString('de-DE', {timeZone: 'Europe/Berlin'})"
        assert pool.eval(berlin) == "1.1.1970, 01:00:00"


def set_environment(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    for name in ("TZ", "LC_ALL", "LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    for word in words.split():
        name, _, value = word.partition("=")
        monkeypatch.setenv(name, value)
