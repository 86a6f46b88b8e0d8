"""Durations as the Gateway API writes them (GEP-2257): `1h30m`, `500ms`, `0s`; no sign, no decimals."""

import re
from typing import Final

PATTERN: Final = r"^([0-9]{1,5}(h|m|s|ms)){1,4}\Z"
"""The whole grammar; the CRD has the same."""
MAX_LENGTH: Final = 28

_GRAMMAR: Final = re.compile(PATTERN)
_PART: Final = re.compile(r"([0-9]+)(ms|h|m|s)")
_MILLISECONDS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_LARGEST: Final = 99_999


class Seconds(float):
    """A length of time in seconds, written as a duration on the wire."""

    def __str__(self) -> str:
        return format_duration(self)


LONGEST: Final = Seconds(_LARGEST * 3600)
"""11 years: the longest whole hours that `format_duration` writes."""


def parse_duration(text: object) -> Seconds:
    """`"1h30m"` -> 5400.0. Raises ValueError, which says what to write instead."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH or not _GRAMMAR.match(text):
        raise ValueError("write a duration such as 5s, 500ms or 1h30m (whole numbers of h, m, s, ms)")
    total = sum(int(count) * _MILLISECONDS[unit] for count, unit in _PART.findall(text))
    return Seconds(total / 1000)


def format_duration(seconds: float) -> str:
    """5400.0 -> `"1h30m"`, rounded to milliseconds. Raises ValueError below 0 and from 100,000 hours."""
    rest = round(seconds * 1000)
    if not 0 <= rest < (_LARGEST + 1) * _MILLISECONDS["h"]:
        raise ValueError(f"write a time between 0 and {_LARGEST} hours, not {seconds!r} seconds")
    parts = []
    for unit, size in _MILLISECONDS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
