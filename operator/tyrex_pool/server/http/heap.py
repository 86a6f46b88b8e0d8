"""Returns freed memory to the system, which the C library would keep for later when it lies between small objects."""

import ctypes
from collections.abc import Callable
from typing import Final


def _find_trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim; other libraries have none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


_trim: Final = _find_trim()


def give_back() -> None:
    """Return what is free. It takes milliseconds: call it after much was freed, not often."""
    if _trim is not None:
        _trim(0)
