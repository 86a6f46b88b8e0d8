"""Bundles the guest side (guest/*.ts) into isolate.js, the one file that isolates run and that is in the package.

    python runtime-image/bundle.py          write it, if the sources have changed
    python runtime-image/bundle.py --check  exit with 1 if it is not what the sources give

It needs Deno, which gets the bundler (esbuild) from the npm registry when it has none. The result is in the repository,
so that whoever builds a package or an image needs neither.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import deno

HERE = Path(__file__).resolve().parent
BUNDLE = HERE / "isolate.js"
_HEAD = """\
// Made from guest/*.ts by bundle.py (make guest): change those.
"use strict"; // of other functions a guest gets at the arguments, with `caller`
"""
_LOOKED_UP_LATER = re.compile(r"^\s.*\bimport_node_\w+", re.MULTILINE)
_AT_START = re.compile(r"^\s+\w+: \(\) => ", re.MULTILINE)


def bundle() -> str:
    """The text of isolate.js. Raises SystemExit when it cannot be made, or would look modules up while guests run."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "isolate.js"
        command = [
            deno.find_deno_bin(), "bundle", "--quiet", "--no-config", "--no-lock", "--format", "cjs",
            "--platform", "deno", "--output", str(output), "isolate.ts",
        ]  # fmt: skip
        if subprocess.run(command, cwd=HERE / "guest").returncode:
            raise SystemExit("deno bundle failed: see above")
        text = output.read_text()
    late = _LOOKED_UP_LATER.search(text)
    if late is not None:
        raise SystemExit(f"a module is looked up after the start, where a guest may have changed it: {late[0].strip()}")
    return _HEAD + text


def main(words: list[str]) -> None:
    made = bundle()
    if words == ["--check"]:
        if not BUNDLE.is_file() or BUNDLE.read_text() != made:
            raise SystemExit("runtime-image/isolate.js is not what guest/*.ts give: run make guest")
    else:
        BUNDLE.write_text(made)


if __name__ == "__main__":
    main(sys.argv[1:])
