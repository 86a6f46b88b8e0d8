"""From a PoolSpec to the command that starts an isolate: the entry file, the main module's files, the flags."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EINVAL
from pathlib import Path

import deno

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import ConfigMapModule, PoolSpec
from tyrex_pool.plan.deno_flags import (
    NO_NEEDS,
    child_environment,
    deno_flags,
    loads_modules,
    reads_or_writes,
    writes_files,
)
from tyrex_pool.plan.module_files import module_files
from tyrex_pool.resources import guest_bundle, guest_directory, guest_rewriter
from tyrex_pool.runtime.channel import IsolateLimits
from tyrex_pool.runtime.deno_caches import DenoCaches
from tyrex_pool.runtime.folders import Folders
from tyrex_pool.runtime.module_graph import cache_directories, compile_modules, module_needs
from tyrex_pool.runtime.sources import Sources

# /proc has the memory and the environment of other processes, and other ways to every file. `import()` follows the
# links to it, unlike all else of Deno.
_PROCESSES = ("/proc", "/dev/core", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/etc/mtab")


@dataclass(frozen=True, slots=True)
class Launch:
    """How isolates of a pool are started: `command` (the pipe's descriptor is appended), times in s, sizes in bytes.

    `environment` lacks DENO_DIR, which `caches` makes for each. `writes_files`: the permissions let Deno, or what
    guests start, write files.
    """

    command: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    limits: IsolateLimits
    startup: float
    heap: int
    console: int
    caches: DenoCaches
    writes_files: bool


class Workspace:
    """The files that isolates start from, in folders of their own that `close` removes."""

    def __init__(self, spec: PoolSpec, sources: Sources) -> None:
        """Raises InvalidSpec when the main module is not where the manifest says, and OSError."""
        self._folders = Folders()
        try:
            self.launch = self._prepare(spec, sources)
        except BaseException:
            self.close()
            raise

    def _prepare(self, spec: PoolSpec, sources: Sources) -> Launch:
        binary = deno.find_deno_bin()
        main = _main_module(spec, sources, self._folders.modules)
        needs = module_needs(binary, main) if main else NO_NEEDS
        entry = self._folders.private / "entry.js"
        entry.write_text(_entry(main))
        (entry.parent / _REWRITER).write_text(json.dumps(guest_rewriter()))
        directory = str(sources.directory)
        permissions = spec.permissions
        loads, writes = loads_modules(permissions, needs), writes_files(permissions)
        downloads = cache_directories(binary) if loads or writes else {}
        closed = _closed(self._folders.closed, downloads)
        if reads_or_writes(permissions):
            _check_deniable(closed)
        caches = DenoCaches(self._folders.private, downloads if loads else {}, writes)
        if main and needs == NO_NEEDS:
            caches.prepare(lambda directory: compile_modules(binary, main, directory))
        return Launch(
            command=(binary, "run", *deno_flags(permissions, spec.limits.heap, needs, directory, closed), str(entry)),
            directory=directory,
            environment=child_environment(os.environ),
            limits=IsolateLimits(spec.concurrency, int(spec.limits.result), int(spec.limits.heap)),
            startup=float(spec.timeouts.startup),
            heap=int(spec.limits.heap),
            console=int(spec.limits.console),
            caches=caches,
            writes_files=writes,
        )

    def close(self) -> None:
        self._folders.close()


def _closed(folders: Mapping[str, tuple[str, ...]], downloads: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """The paths that no guest may have, whatever is granted, by kind of permission."""
    always = (str(guest_directory()), *_PROCESSES)
    return {
        "read": (*folders["read"], *always),
        "write": (*folders["write"], *always, *map(str, downloads.values())),  # other pools load from there
    }


def _check_deniable(closed: Mapping[str, tuple[str, ...]]) -> None:
    """Raises OSError for a path with a comma: Deno separates paths there, and knows no way around it."""
    for path in (path for paths in closed.values() for path in paths):
        if "," in path:
            raise OSError(
                EINVAL,
                "a pool with read or write must deny this path, and Deno cannot deny one with a comma: "
                "set TMPDIR (or DENO_DIR) to a folder without one",
                path,
            )


def _entry(main: Path | None) -> str:
    """The entry module's text: a literal import is part of its own graph, and loads without a permission.

    The guest side is evaluated under a name that is no address: no code can import it, or find its file in a stack.
    """
    bundle = json.dumps(f"(function (require, module, rewriter) {{\n{guest_bundle()}\n}})")
    load = f"import({json.dumps(main.resolve().as_uri())})" if main else "Promise.resolve()"
    return _ENTRY % (bundle, _REWRITER, load)


_REWRITER = "rewrite.json"
"""As data Deno only reads it at the start; it is evaluated when it is needed."""
_ENTRY = """\
import process from "node:process";
const module = { exports: {} };
const [run, failure] = Deno[Deno.internal].core.evalContext(%s, "tyrex:isolate");
if (failure) throw failure.thrown;
run(process.getBuiltinModule, module, () => import("./%s", { with: { type: "json" } }));
await module.exports.boot(() => %s);
"""


def _main_module(spec: PoolSpec, sources: Sources, folder: Path) -> Path | None:
    module = spec.main_module
    if module is None:
        return None
    if module.path is not None:
        path = sources.directory / module.path
        if not path.is_file():
            raise InvalidSpec("spec.mainModule.path", f"there is no file {module.path!r} in {sources.directory}")
        return path
    if module.config_map is not None:
        return _write_files(module.config_map, sources, folder)
    assert module.inline is not None
    path = folder / "main.ts"
    path.write_text(module.inline)
    return path


def _write_files(module: ConfigMapModule, sources: Sources, folder: Path) -> Path:
    files = module_files(module, sources.config_maps)
    for key, content in files.items():
        (folder / key).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / module.entrypoint
