"""Labels and annotations that users write for pods and Services: as Kubernetes accepts them, and none of our own."""

import re
from typing import Final

from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.validation_errors import quote

MAX_ENTRIES: Final = 64
ANNOTATIONS_LIMIT: Final = 256 << 10
"""Bytes of all annotations of an object."""

_KEY: Final = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?/)?"
    r"(?=[^/]{1,63}\Z)[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?\Z"
)
_VALUE: Final = re.compile(r"(?=.{0,63}\Z)(?:[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?)?\Z")
_RESERVED: Final = frozenset(
    {
        names.LABEL_NAME,
        names.LABEL_INSTANCE,
        names.LABEL_COMPONENT,
        names.LABEL_MANAGED_BY,
        names.LABEL_PART_OF,
        "pod-template-hash",
    }
)
"""Labels that select pods, or tell whose they are."""


class Labels(dict[str, str]):
    """Valid labels, none of which the operator or Kubernetes writes itself."""


class Annotations(dict[str, str]):
    """Valid annotations, none of which the operator writes itself."""


def parse_labels(raw: object) -> Labels:
    """Raises InvalidSpec, with a path such as `[tyrex.dev/pool]`."""
    labels = Labels(_entries(raw))
    for key, value in labels.items():
        if key in _RESERVED:
            raise InvalidSpec(f"[{key}]", "leave it out, or write another key: the operator needs this one")
        if not _VALUE.match(value):
            wanted = "at most 63 letters, digits, -, _ and ., a letter or digit at both ends"
            raise InvalidSpec(f"[{key}]", f"write {wanted}, not {quote(value)}")
    return labels


def parse_annotations(raw: object) -> Annotations:
    """Raises InvalidSpec, with a path such as `[tyrex.dev/spec-hash]`."""
    annotations = Annotations(_entries(raw))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > ANNOTATIONS_LIMIT:
        raise InvalidSpec("", f"write at most {ANNOTATIONS_LIMIT:,} bytes in all, not {size:,}")
    return annotations


def _entries(raw: object) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise InvalidSpec("", f"write a mapping, not {quote(raw)}")
    if len(raw) > MAX_ENTRIES:
        raise InvalidSpec("", f"write at most {MAX_ENTRIES} entries, not {len(raw)}")
    for key, value in raw.items():
        if not isinstance(key, str) or not _KEY.match(key):
            raise InvalidSpec(f"[{key}]", "write a key such as team or example.com/team")
        if key.startswith(names.LABEL_PREFIX):
            raise InvalidSpec(f"[{key}]", f"write another key: the operator writes those below {names.GROUP}")
        if not isinstance(value, str):
            raise InvalidSpec(f"[{key}]", f"write a string, in quotes, not {quote(value)}")
    return raw
