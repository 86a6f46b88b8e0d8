"""Compares Kubernetes quantities by value: the API server may store another form than a manifest has."""

import re
from decimal import Decimal
from typing import Final

_GRAMMAR: Final = re.compile(r"([+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?")
_BINARY: Final = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_UNITS: Final = {
    **{unit: Decimal(1024) ** power for power, unit in enumerate(_BINARY, start=1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate(_DECIMAL, start=-3)},
}


def same_amount(one: object, other: object) -> bool:
    """Whether both are quantities, and of the same value: `1000m` and 1, `1024Mi` and `1Gi`."""
    amount = _amount(one)
    return amount is not None and amount == _amount(other)


def _amount(value: object) -> Decimal | None:
    match = _GRAMMAR.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None:
        return None
    number, unit = match[1], match[2] or ""
    return Decimal(number) * (_UNITS[unit] if unit in _UNITS else Decimal(10) ** int(unit[1:]))
