"""Errors that a command reports to its user without a traceback."""

import contextlib
from collections.abc import Iterator


class BadInput(Exception):  # noqa: N818 - it is the user's error
    """The command line or the environment asks for something impossible; the message says what to write instead."""


@contextlib.contextmanager
def operator_extra() -> Iterator[None]:
    """Encloses imports of packages that the extra `operator` installs. Raises BadInput when one is missing."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise BadInput(f"a cluster needs more packages: pip install 'tyrex-pool[operator]' ({exc})") from exc


def user_message(error: Exception) -> str:
    """The text that a command prints for `error`; an OSError about a file is printed as `FILE: REASON`."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
