"""The arguments of a call, and the inputs of an eval, from Python: JSON's own types and no others.

A type without a counterpart in JSON (bytes, Decimal, a set) is refused and never converted: which conversion is
right, only the caller knows.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from tyrex_pool.model.errors import InvalidRequest

LONGEST_PATH: Final = 200
"""Characters of a path in a message; a longer one loses its middle."""

_INFINITE: Final = 2**1024 - 2**970
"""The smallest whole number that JavaScript reads as Infinity: halfway between the largest double and 2**1024."""
_MINUS_INFINITE: Final = -_INFINITE
_FINITE: Final = sys.float_info.max
_MINUS_FINITE: Final = -_FINITE

_NO_JSON: Final = "cannot travel as JSON; pass"
_CONVERSIONS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (Enum, "value.value"),  # first: a member may also be a str or an int
    ((bytes, bytearray), "value.decode() if it is text, else base64.b64encode(value).decode()"),
    (memoryview, "base64.b64encode(value).decode()"),
    (Decimal, "str(value), or float(value) if it may lose digits"),
    (complex, "[value.real, value.imag]"),
    (timedelta, "value.total_seconds()"),
    ((date, time), "value.isoformat()"),  # a datetime is a date
    ((UUID, PurePath), "str(value)"),
    (Set, "list(value)"),
    (tuple, "list(value), or value._asdict()"),  # a namedtuple
    (Mapping, "dict(value)"),
    (msgspec.Struct, "msgspec.to_builtins(value)"),
    (str, "str(value)"),
    (int, "int(value)"),
    (float, "float(value)"),
    (Iterator, "list(value)"),
)
"""What to pass instead of an instance of a type; the first that fits."""


class _Refusal(NamedTuple):
    """`steps`: the path of a value, the innermost step first."""

    steps: list[str]
    problem: str


def check_arguments(args: Iterable[object], root: str = "args") -> None:
    """Refuse what is not JSON's own: None, bool, int, float, str, lists, tuples, and dicts with str keys.

    NaN, the infinities and whole numbers that JavaScript reads as Infinity are refused as well. Raises
    InvalidRequest with the path of the value, as in `args[1].price[2]`, and what to pass instead.
    """
    for index, arg in enumerate(args):
        _check(arg, f"{root}[{index}]")


def check_inputs(inputs: dict[str, Any], root: str = "inputs") -> None:
    """The same for the inputs of an eval."""
    _check(inputs, root)


def _check(value: object, root: str) -> None:
    try:
        refusal = _refusal(value)
    except RecursionError:
        refusal = _Refusal([], f"a cycle, or so deep a nesting, {_NO_JSON} a flatter value")
    if refusal is not None:
        steps = [*refusal.steps, root]
        raise InvalidRequest(f"{_short(''.join(reversed(steps)))}: {refusal.problem}")


def _refusal(value: object) -> _Refusal | None:
    """Why `value` is refused; None if JSON has it. One frame for each level, as deep values need many."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return None
    if kind is int:
        fits = _MINUS_INFINITE < value < _INFINITE  # type: ignore[operator]  # `kind` is its type, here and below
        return None if fits else _Refusal([], f"a whole number that JavaScript reads as Infinity {_NO_JSON} str(value)")
    if kind is float:
        fits = _MINUS_FINITE <= value <= _FINITE  # type: ignore[operator]  # not true of NaN
        return None if fits else _Refusal([], f"{value} {_NO_JSON} a finite number, or None")
    if isinstance(value, dict):
        for key, member in value.items():
            if type(key) is not str:
                return _Refusal([], f"a key of type {type(key).__name__} {_NO_JSON} a dict whose keys are str")
            if refusal := _refusal(member):
                refusal.steps.append(f".{key}" if key.isidentifier() else f"[{_short(ascii(key))}]")
                return refusal
        return None
    if isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "_fields")):
        for index, member in enumerate(value):
            if refusal := _refusal(member):
                refusal.steps.append(f"[{index}]")
                return refusal
        return None
    return _Refusal([], f"{kind.__name__} {_NO_JSON} {_conversion(value)}")


def _conversion(value: object) -> str:
    for kinds, conversion in _CONVERSIONS:
        if isinstance(value, kinds):
            return conversion
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "dataclasses.asdict(value)"
    if hasattr(value, "tolist"):  # arrays and scalars of numpy and its like
        return "value.tolist()"
    return "None, a bool, int, float, str, list, tuple, or dict with str keys"


def _short(text: str) -> str:
    half = LONGEST_PATH // 2
    return text if len(text) <= LONGEST_PATH else f"{text[:half]}…{text[-half:]}"
