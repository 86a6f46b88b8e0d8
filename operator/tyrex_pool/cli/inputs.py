"""The values of `--input`: data for an eval, from the command line and from files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model.wire import decode_json

_EXAMPLES: Final = "write NAME=JSON such as count=3 or 'name=\"Ada\"', or @FILE"
_WORD: Final = re.compile(r"[A-Za-z][\w .-]*")
"""What a user meant as text, most likely."""


def read_inputs(options: Sequence[str]) -> dict[str, Any]:
    """The inputs that `options` say, each NAME=JSON or @FILE. Raises BadInput, and OSError for a file."""
    inputs: dict[str, Any] = {}
    for option in options:
        for name, value in _members(option).items():
            if name in inputs:
                raise BadInput(f"--input: {name} is given twice")
            inputs[name] = value
    return inputs


def _members(option: str) -> dict[str, Any]:
    if option.startswith("@"):
        return _file(option[1:])
    name, equals, text = option.partition("=")
    if not equals or not name:
        raise BadInput(f"--input: {_EXAMPLES}, not {option!r}")
    try:
        return {name: decode_json(text.encode())}
    except ValueError as exc:
        quoted = f"; text needs quotes: '{name}=\"{text}\"'" if _WORD.fullmatch(text) else ""
        raise BadInput(f"--input {name}: {text!r} is not JSON ({exc}){quoted}") from exc


def _file(path: str) -> dict[str, Any]:
    if not path:
        raise BadInput(f"--input: {_EXAMPLES}: there is no file after @")
    try:
        members = decode_json(Path(path).read_bytes())
    except ValueError as exc:
        raise BadInput(f"--input @{path}: the file is not JSON: {exc}") from exc
    if not isinstance(members, dict):
        raise BadInput(f"--input @{path}: write a JSON object with a member for each input, not {_kind(members)}")
    return members


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else f"a {type(value).__name__}"
