"""Has Deno say, before the pool starts, what a main module's imports need from its cache, and compile them."""

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tyrex_pool.plan.deno_flags import ModuleNeeds

_TIMEOUT = 30.0
_NO_NETWORK = "http://127.0.0.1:9"
"""A proxy that never answers, so that Deno downloads nothing, whatever is missing in the cache."""
_CACHES = {"npm": "npmCache", "remote": "modulesCache"}
_PORTS = {"https": 443, "http": 80}


def module_needs(deno: str, main: Path) -> ModuleNeeds:
    """Blocking, some 20 ms. A module that Deno cannot read needs nothing: loading it fails later, and says why."""
    specifiers = _specifiers(deno, main, "--no-npm", "--no-remote")
    npm = any(specifier.startswith("npm:") for specifier in specifiers)
    if any(specifier.startswith(("http:", "https:", "jsr:")) for specifier in specifiers):
        specifiers = _specifiers(deno, main, "--allow-import")
        npm = npm or any(specifier.startswith("npm:") for specifier in specifiers)
    return ModuleNeeds(npm=npm, hosts=tuple(sorted({host for host in map(_host, specifiers) if host})))


def cache_directories(deno: str) -> dict[str, Path]:
    """The directories of Deno's downloaded packages and modules: `npm` and `remote`. Blocking."""
    facts = _info(deno)
    return {name: Path(facts[key]) for name, key in _CACHES.items() if key in facts}


def compile_modules(deno: str, main: Path, directory: Path) -> None:
    """Have Deno compile the main module's TypeScript into the DENO_DIR `directory`, also what it imports later.

    Blocking, some 20 ms. Compiles nothing if a module is no local file, or cannot be read: loading it says why, later.
    """
    words = ("cache", "--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm", str(main))
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _run(deno, *words, DENO_DIR=str(directory))


def _specifiers(deno: str, main: Path, *flags: str) -> set[str]:
    modules = _info(deno, "--no-config", "--no-lock", *flags, str(main)).get("modules", [])
    found = {module["specifier"] for module in modules}
    for module in modules:
        found.update(dependency["specifier"] for dependency in module.get("dependencies", ()))
    return found


def _info(deno: str, *words: str) -> dict[str, Any]:
    """The output of `deno info`; empty where it fails."""
    try:
        facts: dict[str, Any] = json.loads(_run(deno, "info", "--json", *words))
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return facts


def _run(*command: str, **variables: str) -> bytes:
    environment = os.environ | {"HTTP_PROXY": _NO_NETWORK, "HTTPS_PROXY": _NO_NETWORK, "NO_PROXY": ""} | variables
    return subprocess.run(command, capture_output=True, env=environment, timeout=_TIMEOUT, check=True).stdout


def _host(specifier: str) -> str | None:
    parts = urlsplit(specifier)
    if parts.scheme not in _PORTS or parts.hostname is None:
        return None
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
