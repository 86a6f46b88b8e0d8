"""msgspec's validation errors for people: the full path of the field, and what to write instead."""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import inspect

from tyrex_pool.model.errors import InvalidSpec

_LOCATED: Final = re.compile(r"(?P<text>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*?)`)?\Z", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_NAME: Final = 64
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`\Z", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`\Z")
_BOUND: Final = re.compile(r"Expected `\w+` (of length )?(>=|<=) (\d+)\Z")
_REGEX: Final = re.compile(r"Expected `str` matching regex '(.*)'\Z")
_TYPE: Final = re.compile(r"Expected `(\w+)[^`]*`")
_LIMITS: Final = {">=": "at least", "<=": "at most"}
_WORDS: Final = {
    "int": "a whole number", "str": "a string", "bool": "true or false",
    "array": "a list", "object": "a mapping",
}  # fmt: skip


def explain(error: msgspec.ValidationError, raw: object, kind: type, root: str) -> InvalidSpec:
    """The error for `raw`, which is no `kind`. Its path is `root` and the field's path below it.

    An InvalidSpec that a `__post_init__` or a value's parser raised has a path relative to that part.
    """
    located = _LOCATED.match(str(error))
    assert located is not None  # every part of the pattern is optional
    text, path = located["text"], root + (located["path"] or "")
    value, schema = _at(raw, inspect.type_info(kind), located["path"] or "")
    if isinstance(error.__cause__, InvalidSpec):
        return InvalidSpec(path + error.__cause__.path, error.__cause__.problem)
    if located["key"]:
        return InvalidSpec(path, "write every key as a string, in quotes")
    if unknown := _UNKNOWN.match(text):
        allowed = [field.encode_name for field in struct.fields] if (struct := struct_of(schema)) else []
        name = unknown[1] if len(unknown[1]) <= _NAME else unknown[1][:_NAME] + "…"
        return InvalidSpec(f"{path}.{name}", f"unknown field; write {one_of(allowed, name)}")
    if missing := _MISSING.match(text):
        return InvalidSpec(f"{path}.{missing[1]}", "is missing; write it")
    return InvalidSpec(path, f"write {_wanted(text, schema, value)}, not {quote(value)}")


def quote(value: object, limit: int = 60) -> str:
    """`value` as JSON, cut to about `limit` characters, for a message."""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = _repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # a whole number of more digits than Python writes, also somewhere inside
        return f"a value of type {type(value).__name__}"


def one_of(allowed: Iterable[str], wrong: object) -> str:
    """`one of a, b, c`, with the closest of them to `wrong` as a hint."""
    known = sorted(allowed)
    close = difflib.get_close_matches(wrong, known, n=1) if isinstance(wrong, str) else []
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"one of {', '.join(known)}{hint}"


def struct_of(schema: inspect.Type) -> inspect.StructType | None:
    """The struct of `Struct` or of `Struct | None`."""
    return next((kind for kind in _alternatives(schema) if isinstance(kind, inspect.StructType)), None)


def _wanted(text: str, schema: inspect.Type, value: object) -> str:
    """What to write instead of a value of the wrong type or out of bounds."""
    if choices := _choices(schema):
        return one_of(choices, value)
    if bound := _BOUND.match(text):
        length, sign, limit = bound.groups()
        if not length:
            return f"{_LIMITS[sign]} {limit}"
        unit, plural = "character" if isinstance(value, str) else "item", "" if limit == "1" else "s"
        return f"{_LIMITS[sign]} {limit} {unit}{plural}"
    if regex := _REGEX.match(text):
        return "a string that matches " + regex[1].replace(r"\\", "\\").replace(r"\Z", "$")
    if expected := _TYPE.match(text):
        return _WORDS.get(expected[1], expected[1])
    return f"something else ({text})"


def _at(value: object, schema: inspect.Type, path: str) -> tuple[object, inspect.Type]:
    """The value and its type at a msgspec path such as `.allow.net[0]`."""
    for step in _steps(path):
        value, schema = _child(value, step), _member(schema, step)
    return value, schema


def _steps(path: str) -> Iterator[str]:
    return (match[1] or match[2] for match in _STEP.finditer(path))


def _child(value: object, step: str) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list | tuple) and step.isdigit():
        return value[int(step)]
    return None


def _member(schema: inspect.Type, step: str) -> inspect.Type:
    if struct := struct_of(schema):
        return next((field.type for field in struct.fields if field.encode_name == step), inspect.AnyType())
    return schema.item_type if isinstance(schema, inspect.VarTupleType) else inspect.AnyType()


def _alternatives(schema: inspect.Type) -> tuple[inspect.Type, ...]:
    return schema.types if isinstance(schema, inspect.UnionType) else (schema,)


def _choices(schema: inspect.Type) -> list[str]:
    kinds = (kind for kind in _alternatives(schema) if isinstance(kind, inspect.LiteralType))
    return [str(value) for kind in kinds for value in kind.values]
