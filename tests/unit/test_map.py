"""docs/architecture.md against the code: modules, layers of imports, states. Files that CONTRIBUTING.md names exist."""

import re
import tomllib
from collections import Counter
from enum import Enum
from pathlib import Path

import pytest

from tyrex_pool.dispatch.ticket import State as EvalState
from tyrex_pool.plan import reasons
from tyrex_pool.pool.view import SlotState
from tyrex_pool.runtime.isolate import Phase
from tyrex_pool.server.http.connection import ConnectionState
from tyrex_pool.server.http.parser import ParserState

PACKAGE = "operator/tyrex_pool"
GUEST = "runtime-image/guest"


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/architecture.md").read_text()


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next one."""
    (text,) = re.findall(rf"^#+ {re.escape(title)}$\n(.*?)(?=^#+ |\Z)", page, re.MULTILINE | re.DOTALL)
    assert isinstance(text, str)
    return text


def modules(root: Path) -> set[str]:
    """As the page writes them."""
    package = root / PACKAGE
    python = {str(path.relative_to(package)) for path in package.rglob("*.py") if not path.name.startswith("__")}
    guest = {f"guest/{path.name}" for path in (root / GUEST).glob("*.ts") if not path.name.endswith("_test.ts")}
    return python | guest


def test_the_page_names_every_module_once(root: Path, page: str) -> None:
    named = Counter(re.findall(r"`([\w/]+\.(?:py|ts))`", page))
    assert sorted(modules(root) - set(named)) == []
    assert sorted(set(named) - modules(root)) == []
    assert [name for name, times in named.items() if times != 1] == []


def test_the_packages_are_those_of_the_code(root: Path, page: str) -> None:
    package = root / PACKAGE
    folders = {str(path.parent.relative_to(root)) for path in package.rglob("__init__.py")} - {PACKAGE}
    assert set(re.findall(rf"^\| `({PACKAGE}/[\w/]+)` \|", section(page, "Folders"), re.MULTILINE)) == folders


def test_the_layers_are_import_linter_s(root: Path, page: str) -> None:
    described = tomllib.loads((root / "pyproject.toml").read_text())
    layers = [
        [layer.replace("tyrex_pool.", "") for layer in contract["layers"]]
        for contract in described["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    drawn = re.findall(r"^```\n(.*?)^```", section(page, "Direction of imports"), re.MULTILINE | re.DOTALL)
    assert [text.splitlines() for text in drawn] == layers


@pytest.mark.parametrize(
    ("title", "states"),
    [
        ("Connection", ConnectionState),
        ("Parser", ParserState),
        ("Isolate", Phase),
        ("Eval", EvalState),
        ("Runtime", SlotState),
    ],
)
def test_a_diagram_has_the_states_of_the_code(page: str, title: str, states: type[Enum]) -> None:
    drawn = section(page, title)
    arrows = re.findall(r"^ {4}(\S+) --> (\w+)", drawn, re.MULTILINE)
    table = re.findall(r"\| ([A-Z]+) \|$", drawn, re.MULTILINE)
    assert {*table, *(state for arrow in arrows for state in arrow)} - {"[*]"} == set(states.__members__)


def test_the_conditions_are_those_of_the_status(page: str) -> None:
    conditions = [reasons.READY, reasons.AVAILABLE, reasons.PROGRESSING, reasons.STALLED, reasons.RECONCILED]
    assert f"| the pool | {' | '.join(conditions)} |" in section(page, "Conditions of a TyrexPool")


def test_the_files_of_the_recipes_exist(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"(?:operator|tests|runtime-image|crds|charts|docs)/[\w./-]*\w", text))
    assert named
    assert [name for name in sorted(named) if not (root / name).exists()] == []
