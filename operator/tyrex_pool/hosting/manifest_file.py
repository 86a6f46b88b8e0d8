"""Reads the manifest that a command is given."""

import sys
from pathlib import Path
from typing import Final

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.logs import configure_logs, log
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.runtime.sources import Sources

STANDARD_INPUT: Final = "-"


def read_manifest(file: str) -> tuple[Manifest, Sources]:
    """The manifest in `file` (`-`: standard input, with paths from the working directory), and the sources of its
    references. Logs the documents that are ignored.

    Raises OSError, BadInput and InvalidSpec.
    """
    from_input = file == STANDARD_INPUT
    content = sys.stdin.buffer.read() if from_input else Path(file).read_bytes()
    try:
        manifest = Manifest.load(content.decode())
    except UnicodeDecodeError as exc:
        raise BadInput(f"{'standard input' if from_input else file}: write UTF-8") from exc
    configure_logs()
    for other in manifest.ignored:
        log.info("not used here: %s", other)
    folder = Path.cwd() if from_input else Path(file).resolve().parent
    return manifest, Sources(folder, manifest.config_maps)
