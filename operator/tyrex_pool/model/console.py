"""What an eval printed by `console`, as its answer carries it."""

from typing import Final

import msgspec

_COMMA: Final = 1
_encode: Final = msgspec.json.Encoder().encode


class ConsoleLine(msgspec.Struct, frozen=True):
    """One message: its `level` (debug, log, info, warn, error or trace) and its text."""

    level: str
    text: str


class Console:
    """Collects the messages of one eval in their order, at most `limit` bytes of JSON: the rest is left out."""

    __slots__ = ("_left", "lines", "truncated")

    def __init__(self, limit: int) -> None:
        self.lines: list[ConsoleLine] = []
        self.truncated = False
        """Whether something was left out."""
        self._left = limit

    def add(self, level: str, text: str, cut: bool = False) -> None:
        """Add a message; `cut`: the text is not all of it."""
        line = ConsoleLine(level, text)
        self._left -= len(_encode(line)) + _COMMA
        if self._left < 0:
            self._left = 0
            self.truncated = True
        else:
            self.lines.append(line)
            self.truncated = self.truncated or cut
