"""What the numbers were measured on: facts that bear on them, and nothing that tells whose machine it is."""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.processes import deno

PACKAGES = ("tyrex-pool", "deno", "uvloop", "httptools", "msgspec", "denobox")


def _found(pattern: str, path: str) -> str:
    """The first group of a pattern in a file, or "unknown"."""
    try:
        match = re.search(pattern, Path(path).read_text())
    except OSError:
        return "unknown"
    return match[1].strip() if match else "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from the checkout"


def facts() -> dict[str, str]:
    """Name and value, in the order in which to show them."""
    memory = _found(r"MemTotal:\s+(\d+)", "/proc/meminfo")
    runtime = subprocess.run([deno(), "--version"], check=True, capture_output=True, text=True).stdout.split()
    return {
        "cores": str(os.cpu_count()),
        "processor": _found(r"model name\s*:\s*(.+)", "/proc/cpuinfo"),
        "memory": f"{int(memory) / 2**20:.0f} GiB" if memory.isdigit() else memory,
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "V8": runtime[runtime.index("v8") + 1] if "v8" in runtime else "unknown",
    } | {package: _version(package) for package in PACKAGES}
