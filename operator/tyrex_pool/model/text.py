"""Text of guests and callers: made safe for a terminal, and checked for halves of surrogate pairs.

JSON, YAML and JavaScript write a character such as 😀 as two escapes, a surrogate pair. A half of one alone, a lone
surrogate, cannot be written in UTF-8.
"""

from collections.abc import Iterator
from typing import Final

LONE_SURROGATE: Final = "write it without lone surrogates: both of a pair such as \\ud83d\\ude00, or none"
"""The problem of a text that `find_surrogate` finds."""


def printable(text: str) -> str:
    """`text` with control characters (but newline and tab) and lone surrogates escaped."""
    return "".join(char if char.isprintable() or char in "\n\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else ascii(char)[1:-1]


def is_well_formed(text: str) -> bool:
    """Whether `text` can be hashed, sent and compiled: it contains no surrogate, lone or in a pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def join_surrogates(text: str) -> str:
    """`text` with each surrogate pair as the one character that it encodes; lone surrogates stay."""
    if is_well_formed(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def find_surrogate(document: object, path: str) -> str | None:
    """The path below `path` of a string or key of `document` that is not well-formed; None if every one is."""
    pending, seen = [(path, document)], set[int]()
    while pending:
        at, value = pending.pop()
        if isinstance(value, str):
            if not is_well_formed(value):
                return at
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            pending += reversed(list(_members(value, at)))
    return None


Container = dict[object, object] | list[object] | tuple[object, ...]


def _members(value: Container, path: str) -> Iterator[tuple[str, object]]:
    """The members and keys of `value` with their paths, in which lone surrogates are escaped."""
    if not isinstance(value, dict):
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(value))
        return
    for key, item in value.items():
        name = printable(key) if isinstance(key, str) else "*"
        at = f"{path}.{name}" if path else name
        yield at, key
        yield at, item
