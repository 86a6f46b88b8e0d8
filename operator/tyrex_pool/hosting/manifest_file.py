"""Reads the manifest that a command is given."""

from pathlib import Path

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.logs import configure_logs, log
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.runtime.sources import Sources


def read_manifest(file: str) -> tuple[Manifest, Sources]:
    """The manifest in `file`, and the sources of its references. Logs the documents that are ignored.

    Raises OSError, BadInput and InvalidSpec.
    """
    try:
        manifest = Manifest.load(Path(file).read_text())
    except UnicodeDecodeError as exc:
        raise BadInput(f"{file}: write UTF-8") from exc
    configure_logs()
    for other in manifest.ignored:
        log.info("not used here: %s", other)
    return manifest, Sources(Path(file).resolve().parent, manifest.config_maps)
