"""From a PoolSpec to the command that starts an isolate: the entry file, the main module's files, the flags."""

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import deno

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import ConfigMapModule, PoolSpec
from tyrex_pool.plan.deno_flags import NO_NEEDS, ModuleNeeds, child_environment, deno_flags
from tyrex_pool.plan.module_files import module_files
from tyrex_pool.resources import guest_bundle
from tyrex_pool.runtime.channel import IsolateLimits
from tyrex_pool.runtime.module_graph import cache_directories, module_needs
from tyrex_pool.runtime.sources import Sources


@dataclass(frozen=True, slots=True)
class Launch:
    """How isolates of a pool are started: `command` (the pipe's descriptor is appended), times in seconds."""

    command: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    limits: IsolateLimits
    startup: float
    heap: int


class Workspace:
    """The files that isolates start from, in a directory of their own that `close` removes."""

    def __init__(self, spec: PoolSpec, sources: Sources) -> None:
        """Raises InvalidSpec when the main module is not where the manifest says."""
        self._directory = Path(tempfile.mkdtemp(prefix="tyrex-pool-"))
        try:
            self.launch = self._prepare(spec, sources)
        except BaseException:
            self.close()
            raise

    def _prepare(self, spec: PoolSpec, sources: Sources) -> Launch:
        binary = deno.find_deno_bin()
        main = _main_module(spec, sources, self._directory)
        needs = module_needs(binary, main) if main else NO_NEEDS
        entry = self._directory / "entry.js"
        entry.write_text(_entry(main))
        directory = str(sources.directory)
        flags = deno_flags(spec.permissions, spec.limits.heap, needs, directory)
        cache = _cache(self._directory / "deno", cache_directories(binary) if _loads(flags, needs) else {})
        return Launch(
            command=(binary, "run", *flags, str(entry)),
            directory=directory,
            environment=child_environment(os.environ) | {"DENO_DIR": str(cache)},
            limits=IsolateLimits(spec.concurrency, int(spec.limits.result), int(spec.limits.heap)),
            startup=float(spec.timeouts.startup),
            heap=int(spec.limits.heap),
        )

    def close(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)


def _loads(flags: tuple[str, ...], needs: ModuleNeeds) -> bool:
    """Whether isolates may read from Deno's cache, or write to it."""
    return needs != NO_NEEDS or "--no-remote" not in flags or "--no-npm" not in flags


def _cache(directory: Path, downloads: dict[str, Path]) -> Path:
    """A DENO_DIR of the pool's own, which shares only what was downloaded.

    A file stands in the place of the folder that Deno would create for `localStorage` and `caches`: no permission
    guards these, they would outlive the pool, and its guests could share data through them.
    """
    directory.mkdir()
    (directory / "location_data").touch()
    for name, target in downloads.items():
        with contextlib.suppress(OSError):  # then the cache is empty and stays empty
            target.mkdir(parents=True, exist_ok=True)
        if name == "remote" and target.is_dir() and not os.access(target, os.W_OK):
            _mirror(target, directory / name)  # an image's; Deno needs npm's files in their own place
        elif target.is_dir():
            (directory / name).symlink_to(target)
    return directory


def _mirror(source: Path, target: Path) -> None:
    """Links to the same files, in folders of our own, to which isolates may add files."""
    for folder, _, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir()
        for name in files:
            (here / name).symlink_to(Path(folder) / name)


def _entry(main: Path | None) -> str:
    """The entry module's text: a literal import is part of its own graph, and loads without a permission.

    The guest side is evaluated under a name that is no address: no code can import it, or find its file in a stack.
    """
    bundle = json.dumps(f"(function (require, module) {{\n{guest_bundle()}\n}})")
    load = f"import({json.dumps(main.resolve().as_uri())})" if main else "Promise.resolve()"
    return _ENTRY % (bundle, load)


_ENTRY = """\
import process from "node:process";
const module = { exports: {} };
const [run, failure] = Deno[Deno.internal].core.evalContext(%s, "tyrex:isolate");
if (failure) throw failure.thrown;
run(process.getBuiltinModule, module);
await module.exports.boot(() => %s);
"""


def _main_module(spec: PoolSpec, sources: Sources, workspace: Path) -> Path | None:
    module = spec.main_module
    if module is None:
        return None
    if module.path is not None:
        path = sources.directory / module.path
        if not path.is_file():
            raise InvalidSpec("spec.mainModule.path", f"there is no file {module.path!r} in {sources.directory}")
        return path
    if module.config_map is not None:
        return _write_files(module.config_map, sources, workspace)
    assert module.inline is not None
    path = workspace / "main.ts"
    path.write_text(module.inline)
    return path


def _write_files(module: ConfigMapModule, sources: Sources, workspace: Path) -> Path:
    files = module_files(module, sources.config_maps)
    folder = workspace / "modules"
    folder.mkdir()
    for key, text in files.items():
        (folder / key).write_text(text)
    return folder / module.entrypoint
