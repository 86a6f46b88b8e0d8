"""The files of a ConfigMap: `data` holds texts, `binaryData` bytes in base64."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.validation_errors import quote

Files = Mapping[str, str | bytes]
"""Key -> content: a text of `data`, or bytes of `binaryData`."""

CONTENT_LIMIT: Final = 1 << 20
"""Bytes that the contents of one ConfigMap may have in all: Kubernetes refuses more."""
_KEY: Final = re.compile(r"(?!\.\.?\Z|\.\.)[-._a-zA-Z0-9]{1,253}\Z")


def files_of(document: Mapping[str, Any], path: str) -> dict[str, str | bytes]:
    """The files of a ConfigMap as decoded JSON or YAML. Raises InvalidSpec, with paths below `path`, for what the API
    server refuses too.
    """
    files: dict[str, str | bytes] = {}
    for member, decode in (("data", _text), ("binaryData", _bytes)):
        entries = document.get(member, {})
        if not isinstance(entries, dict):
            raise InvalidSpec(f"{path}.{member}", f"write a mapping, not {quote(entries)}")
        for key, value in entries.items():
            here = f"{path}.{member}.{key}"
            if key in files:
                raise InvalidSpec(here, "stands in data too; write it once")
            if not isinstance(key, str) or not _KEY.match(key):
                raise InvalidSpec(here, f"write a key of letters, digits, -, _ and ., not {quote(key)}")
            files[key] = decode(value, here)
    return files


def members_of(files: Files) -> dict[str, dict[str, str]]:
    """The reverse: the members `data` and, if there are bytes, `binaryData`."""
    texts = {key: content for key, content in files.items() if isinstance(content, str)}
    encoded = {key: base64.b64encode(content).decode() for key, content in files.items() if isinstance(content, bytes)}
    return {"data": texts} | ({"binaryData": encoded} if encoded else {})


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidSpec(path, f"write a string, not {quote(value)}")
    return value


def _bytes(value: object, path: str) -> bytes:
    """Base64 may be broken into lines, as the command `base64` does."""
    text = re.sub("[\r\n]", "", _text(value, path))
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSpec(path, f"write base64, or the text itself under data, not {quote(value)}") from error
