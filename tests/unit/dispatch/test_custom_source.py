"""Custom strategies from source: what loads, and what the errors of the others say."""

import pytest

from tests.unit.dispatch.runtimes import FakeRuntime
from tyrex_pool.dispatch.custom_source import load
from tyrex_pool.model.errors import InvalidStrategy

POOL = (FakeRuntime("a"), FakeRuntime("b"))

WEIGHTED = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class State:  # dataclasses look up the module that they are in
    at: int = 0

class Weighted:
    def __init__(self, options):
        self.prefer = options["prefer"]
        self.state = State()

    def select(self, runtimes, key):
        self.state.at += 1
        return next((r for r in runtimes if r.name == self.prefer), None)
"""


def test_a_class_is_made_with_its_options() -> None:
    select = load(WEIGHTED, "Weighted", {"prefer": "b"}).select
    assert select(POOL, None) is POOL[1]
    assert select(POOL[:1], None) is None, "None refuses the eval with no_runtime"


CLASS = "class Weighted:\n"
SELECT = "    def select(self, runtimes, key): return runtimes[0]\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("class Weighted(:\n", r"^mine.py:1: SyntaxError: ", id="syntax"),
        pytest.param("x = 1\n\0", r"^mine.py.*: .*null bytes", id="null byte"),
        pytest.param("\nimport no_such_thing", r"^mine.py:2: ModuleNotFoundError: ", id="import"),
        pytest.param("import sys\nsys.exit('bye')", r"^mine.py:2: SystemExit: bye$", id="exit"),
        pytest.param("def f(): f()\nf()", r"^mine.py:1: RecursionError", id="recursion"),
        pytest.param("class Other: pass", r"define `class Weighted`.* it has Other$", id="other class"),
        pytest.param("", r"define `class Weighted`.* it has no class$", id="empty"),
        pytest.param("Weighted = 3", r"define `class Weighted`", id="not a class"),
        pytest.param(CLASS + SELECT, r"write `def __init__\(self, options\)` in Weighted$", id="no init"),
        pytest.param(
            CLASS + "    def __init__(self, options):\n        options['size']\n" + SELECT,
            r"^mine.py:3: Weighted\(options\) failed: KeyError: 'size'$",
            id="init raises",
        ),
        pytest.param(CLASS + "    def __init__(self, options): pass\n", r"has no method `select`", id="no select"),
        pytest.param(
            CLASS + "    def __init__(self, options): pass\n    async " + SELECT.lstrip(),
            r"must not be async",
            id="async select",
        ),
        pytest.param(
            CLASS + "    def __init__(self, options): pass\n    def select(self, runtimes): pass\n",
            r"write `def select\(self, runtimes, key\)`: too many",
            id="select without a key",
        ),
    ],
)
def test_what_does_not_load_says_where_and_why(source: str, message: str) -> None:
    with pytest.raises(InvalidStrategy, match=message) as failure:
        load(source, "Weighted", {}, filename="mine.py")
    assert "\n" not in str(failure.value)
