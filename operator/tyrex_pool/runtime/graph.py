"""What a main module's static imports need from Deno's cache, asked of Deno itself before the pool starts."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tyrex_pool.plan.deno_flags import ModuleNeeds

_TIMEOUT = 30.0
_NO_NETWORK = "http://127.0.0.1:9"
"""A proxy that answers nobody: looking at the graph downloads nothing, whatever is missing in the cache."""
_PORTS = {"https": 443, "http": 80}


def module_needs(deno: str, main: Path) -> ModuleNeeds:
    """Blocking, some 20 ms. A module that Deno cannot read needs nothing: loading it will say what is wrong."""
    specifiers = _specifiers(deno, main, "--no-npm", "--no-remote")
    npm = any(specifier.startswith("npm:") for specifier in specifiers)
    if any(specifier.startswith(("http:", "https:", "jsr:")) for specifier in specifiers):
        specifiers = _specifiers(deno, main, "--allow-import")
        npm = npm or any(specifier.startswith("npm:") for specifier in specifiers)
    return ModuleNeeds(npm=npm, hosts=tuple(sorted({host for host in map(_host, specifiers) if host})))


def cache_directories(deno: str) -> dict[str, Path]:
    """Where Deno keeps the packages and modules it has downloaded: `npm` and `remote`. Blocking."""
    try:
        facts: dict[str, Any] = json.loads(_ask(deno, "--json"))
        return {"npm": Path(facts["npmCache"]), "remote": Path(facts["modulesCache"])}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return {}


def _specifiers(deno: str, main: Path, *flags: str) -> set[str]:
    try:
        answer = _ask(deno, "--json", "--no-config", "--no-lock", *flags, str(main))
        modules: list[dict[str, Any]] = json.loads(answer)["modules"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return set()
    found = {module["specifier"] for module in modules}
    for module in modules:
        found.update(dependency["specifier"] for dependency in module.get("dependencies", ()))
    return found


def _ask(deno: str, *words: str) -> bytes:
    environment = os.environ | {"HTTP_PROXY": _NO_NETWORK, "HTTPS_PROXY": _NO_NETWORK, "NO_PROXY": ""}
    command = [deno, "info", *words]
    return subprocess.run(command, capture_output=True, env=environment, timeout=_TIMEOUT, check=True).stdout


def _host(specifier: str) -> str | None:
    parts = urlsplit(specifier)
    if parts.scheme not in _PORTS or parts.hostname is None:
        return None
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
