"""Short texts about failures in a user's code: where it failed, and with what."""

import traceback
from collections.abc import Callable

_LONGEST = 200


def where(exc: BaseException, filename: str) -> str:
    """`file:line` of the innermost frame in the user's file, or an empty string."""
    trace = traceback.walk_tb(exc.__traceback__)
    lines = [line for frame, line in trace if frame.f_code.co_filename == filename]
    return f"{filename}:{lines[-1]}" if lines else ""


def described(exc: BaseException) -> str:
    """`at file:line: Class: message`, of the innermost frame in the file of the method that our code called.

    The file is without folders. The function that called the user's method must be the one that caught `exc`.
    """
    frames = list(traceback.walk_tb(exc.__traceback__))[1:]  # the first is the caller's own
    if not frames:
        return summary(exc)
    position = where(exc, frames[0][0].f_code.co_filename).rsplit("/", 1)[-1]
    return f"at {position}: {summary(exc)}"


def summary(exc: BaseException) -> str:
    """`Class: message` in one line."""
    text = exc.msg if isinstance(exc, SyntaxError) else shown(exc, str)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def shown(value: object, how: Callable[[object], str] = repr) -> str:
    """A short text for a user's object, whose own `__repr__` may fail."""
    try:
        text = how(value)
    except Exception:
        text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
