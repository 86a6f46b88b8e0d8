"""Typed parsing of a manifest: the base of the spec's structs, and `convert`, which raises InvalidSpec."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from tyrex_pool.model.durations import LONGEST, Seconds, parse_duration
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.metadata import Annotations, Labels, parse_annotations, parse_labels
from tyrex_pool.model.quantities import Bytes, parse_quantity
from tyrex_pool.model.shares import Share, parse_share
from tyrex_pool.model.validation_errors import explain, quote, struct_of

T = TypeVar("T")


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of a manifest: snake_case in Python, camelCase in JSON, no unknown field.

    A `__post_init__` refuses a value by raising InvalidSpec with a path relative to itself, such as `.maxEval`.
    """


def convert(raw: object, kind: type[T], path: str) -> T:
    """`raw` (decoded JSON or YAML) as a `kind`. Raises InvalidSpec; its path begins with `path`."""
    try:
        value = msgspec.convert(raw, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise explain(error, raw, kind, path) from error
    _refuse_null(raw, inspect.type_info(kind), path)
    return value


def unconvert(value: object) -> Any:
    """The reverse of `convert`, with every default written out. A duration over `LONGEST` becomes `LONGEST`."""
    match value:
        case Schema():
            members = ((field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
            return {name: unconvert(member) for name, member in members if member is not None}
        case Seconds():
            return str(min(value, LONGEST))
        case Bytes():
            return str(value)
        case Share():
            return value.wire
        case Labels() | Annotations():
            return dict(value)
        case tuple():
            return [unconvert(item) for item in value]
    return value


def _decode(kind: type, raw: object) -> object:
    if kind is Seconds:
        return _named(parse_duration, raw)
    if kind is Bytes:
        return _named(parse_quantity, raw)
    if kind is Share:
        return _named(parse_share, raw)
    if kind is Labels:
        return parse_labels(raw)
    if kind is Annotations:
        return parse_annotations(raw)
    raise NotImplementedError(kind)


def _named(parse: Callable[[object], object], raw: object) -> object:
    """`parse(raw)`. Raises InvalidSpec, whose message quotes the value."""
    try:
        return parse(raw)
    except ValueError as error:
        raise InvalidSpec("", f"{error}, not {quote(raw)}") from error


def _refuse_null(raw: object, schema: inspect.Type, path: str) -> None:
    """Raises InvalidSpec for a null where Python's None means "absent". Free-form members may be null."""
    if raw is None:
        raise InvalidSpec(path, "write a value or leave the field out, not null")
    struct = struct_of(schema)
    if struct is not None and isinstance(raw, dict):
        for field in struct.fields:
            if field.encode_name in raw:
                _refuse_null(raw[field.encode_name], field.type, f"{path}.{field.encode_name}")
