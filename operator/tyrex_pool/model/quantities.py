"""Amounts of memory as Kubernetes writes them: `128Mi`, `1Gi`, `500k`, `1e6`, or a plain number of bytes."""

import math
import re
from decimal import Decimal
from typing import Final

PATTERN: Final = r"^[0-9]{1,19}(\.[0-9]{1,9})?(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E|[eE][0-9]{1,2})?\Z"
"""Kubernetes' quantities without a sign or parts of a byte (`m`, `u`, `n`); the CRD has the same."""
MAX_LENGTH: Final = 32
MAX_BYTES: Final = 2**63 - 1

_GRAMMAR: Final = re.compile(r"([0-9.]+)(.*)\Z")
_WHOLE: Final = re.compile(PATTERN)
_BINARY: Final = {unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL: Final = {unit: 1000**power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))}
_UNITS: Final = _BINARY | _DECIMAL


class Bytes(int):
    """A number of bytes, written as a quantity on the wire."""

    def __str__(self) -> str:
        return format_quantity(self)


def parse_quantity(raw: object) -> Bytes:
    """`"128Mi"` or 134217728 -> bytes; a part of a byte is rounded up, as Kubernetes does.

    Raises ValueError, which says what to write instead.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError("write a quantity such as 128Mi, 1Gi or 500k")
    if isinstance(raw, str) and not _WHOLE.match(raw):
        hint = "; m is a thousandth, the mega is M or Mi" if raw.endswith("m") else ""
        raise ValueError(f"write a quantity such as 128Mi, 1Gi or 500k{hint}")
    count = raw if isinstance(raw, int) else _count(raw)
    if not 0 <= count <= MAX_BYTES:
        raise ValueError("write a quantity between 0 and 8Ei")
    return Bytes(count)


def format_quantity(count: int) -> str:
    """134217728 -> `"128Mi"`: the largest unit, binary before decimal, that needs no fraction."""
    for unit, size in sorted(_BINARY.items(), key=lambda item: -item[1]):
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return str(int(count))


def _count(text: str) -> int:
    match = _GRAMMAR.match(text)
    assert match is not None  # PATTERN matched
    number, unit = match.groups()
    size: int = _UNITS[unit] if unit in _UNITS else 10 ** int(unit[1:])
    return math.ceil(Decimal(number) * size)
