"""Lines with the time since the start, and commands whose output only matters when they fail."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TypeVar

T = TypeVar("T")
_START = time.monotonic()
_TAIL = 30


class Failed(Exception):
    """What went wrong, for the person at the terminal."""


def say(text: str) -> None:
    print(f"[{time.monotonic() - _START:4.0f}s] {text}", file=sys.stderr, flush=True)


def output(command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What a command writes to its standard output. Raises Failed with the end of what it said."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise Failed(f"`{' '.join(command)}` failed ({done.returncode}):\n{_last(done.stdout + done.stderr, _TAIL)}")
    return done.stdout


def until(condition: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true answer of `condition`, which is asked again and again. Raises Failed after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = Event()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"Waited {seconds:g} s for {what}; the last answer was {answer!r}")
        pause.wait(0.1)
    return answer


def tail(log: Path, lines: int) -> str:
    """The end of a text file; nothing where there is none."""
    return _last(log.read_text(errors="replace"), lines) if log.is_file() else ""


def _last(text: str, lines: int) -> str:
    return "\n".join(text.splitlines()[-lines:])
