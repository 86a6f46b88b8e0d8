"""What an answer carries of what its eval printed."""

import msgspec
import pytest

from tyrex_pool.model.console import Console, ConsoleLine

LINE = ConsoleLine("log", "é")
SIZE = len(msgspec.json.encode(LINE)) + 1


@pytest.mark.parametrize(
    ("limit", "kept", "truncated"),
    [(0, 0, True), (SIZE - 1, 0, True), (SIZE, 1, True), (3 * SIZE - 1, 2, True), (3 * SIZE, 3, False), (99, 3, False)],
)
def test_the_limit(limit: int, kept: int, truncated: bool) -> None:
    console = Console(limit)
    for _ in range(3):
        console.add("log", "é")
    assert (console.lines, console.truncated) == ([LINE] * kept, truncated)


def test_what_comes_after_something_left_out_is_left_out() -> None:
    console = Console(SIZE + 2)
    for text in ("é", "too long", ""):
        console.add("log", text)
    assert (console.lines, console.truncated) == ([LINE], True)


def test_a_text_that_is_not_all() -> None:
    console = Console(1000)
    console.add("log", "a…", cut=True)
    console.add("warn", "b")
    assert (console.lines, console.truncated) == ([ConsoleLine("log", "a…"), ConsoleLine("warn", "b")], True)
