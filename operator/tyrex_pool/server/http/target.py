"""The target of a request: its path as handlers know it, and the host of one in absolute form. No I/O."""

import re
from typing import Final, NamedTuple

_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""Bytes that mean the same with and without an escape (RFC 3986, 2.3); an escaped slash is no slash."""


class Target(NamedTuple):
    """`authority` is None but in absolute form."""

    authority: bytes | None
    path: bytes
    query: bytes


def read_target(raw: bytes) -> Target:
    """Of `/path?query` or `http://host/path?query`."""
    authority = None
    if not raw.startswith(b"/") and (found := _ABSOLUTE.match(raw)) is not None:
        authority, raw = found[1], found[2]
        if not raw.startswith(b"/"):
            raw = b"/" + raw
    path, _, query = raw.partition(b"?")
    if b"%" in path:
        path = _ESCAPE.sub(_decoded, path)
    return Target(authority, path, query)


def _decoded(escape: "re.Match[bytes]") -> bytes:
    byte = int(escape[1], 16)
    return bytes((byte,)) if byte in _UNRESERVED else escape[0]
