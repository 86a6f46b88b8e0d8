import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.unit.scripted_pool import ScriptedPool


@pytest.fixture
def pool() -> Iterator[ScriptedPool]:
    scripted = ScriptedPool()
    yield scripted
    scripted.close()


@pytest.fixture
def python() -> Callable[[str], str]:
    """Runs a program in a Python of its own; what it printed."""

    def run(program: str) -> str:
        path = f"import sys; sys.path[:] = {sys.path!r}; "
        command = [sys.executable, "-c", path + program]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    return run
