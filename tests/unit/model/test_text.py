from typing import Any

import pytest

from tyrex_pool.model.text import find_surrogate, is_well_formed, join_surrogates, printable


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("", ""),
        ("plain", "plain"),
        ("ü😀", "ü😀"),
        ("\ud83d\ude00", "😀"),
        ("😀\ud83d\ude00ü", "😀😀ü"),
        ("\ud83d", "\ud83d"),
        ("\ude00\ud83d", "\ude00\ud83d"),
        ("\ud83d\ud83d\ude00", "\ud83d😀"),
        ("\ud83d \ude00", "\ud83d \ude00"),
    ],
    ids=ascii,
)
def test_join_surrogates(text: str, joined: str) -> None:
    assert join_surrogates(text) == joined
    assert is_well_formed(joined) == ("\ud83d" not in joined and "\ude00" not in joined)


LOOP: dict[str, Any] = {"a": 1}
LOOP["b"] = [LOOP]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (None, None),
        (7, None),
        ({"a": ["ü", {"b": "😀"}], "c": 1.5}, None),
        (LOOP, None),
        ("\ud83d", "x"),
        ([["a"], "\ude00"], "x[1]"),
        (("a", "\ude00"), "x[1]"),
        ({"a": {"b": "\ud83d"}, "c": "\ud83d"}, "x.a.b"),
        ({"a\ud83d\n": 1}, "x.a\\ud83d\n"),
        ({1: "\ud83d"}, "x.*"),
    ],
    ids=ascii,
)
def test_find_surrogate(document: object, path: str | None) -> None:
    assert find_surrogate(document, "x") == path


def test_find_surrogate_in_something_deep() -> None:
    deep: list[Any] = ["\ud83d"]
    for _ in range(2_000):
        deep = [deep]
    assert find_surrogate(deep, "") == "[0]" * 2_001


@pytest.mark.parametrize(
    ("text", "shown"), [("a\tü😀\n", "a\tü😀\n"), ("\x1b[0m\ud83d", r"\u001b[0m\ud83d")], ids=ascii
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
