"""Errors that a command reports to its user without a traceback."""

import contextlib
from collections.abc import Iterator


class BadInput(Exception):  # noqa: N818 - it is the user's error
    """The command line asks for something that cannot be done; the message says what to write instead."""


@contextlib.contextmanager
def operator_extra() -> Iterator[None]:
    """Around imports that come with the extra `operator`: raises BadInput when they are not installed."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise BadInput(f"a cluster needs more packages: pip install 'tyrex-pool[operator]' ({exc})") from exc


def said(error: Exception) -> str:
    """What the user reads of an error that is theirs to read."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
