"""Bundles the guest side (guest/*.ts) into the files that isolates run and that are in the package: isolate.js, and
rewrite.js, which few isolates need, with the parser acorn in it.

    python runtime-image/bundle.py          write them, if the sources have changed
    python runtime-image/bundle.py --check  exit with 1 if they are not what the sources give

It needs Deno, which gets the bundler (esbuild) and the parser from the npm registry when it has none. The results are
in the repository, so that whoever builds a package or an image needs neither.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import deno

HERE = Path(__file__).resolve().parent
_HEADS = {
    "isolate": """\
// Made from guest/*.ts by bundle.py (make guest): change those.
"use strict"; // of other functions a guest gets at the arguments, with `caller`
""",
    "rewrite": """\
// Made from guest/rewrite.ts by bundle.py (make guest): change that. It contains acorn, whose license (MIT) says:
// Copyright (C) 2012-2022 by various contributors (see AUTHORS). Permission is hereby granted, free of charge, to any
// person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software
// without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute,
// sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
// subject to the following conditions: The above copyright notice and this permission notice shall be included in all
// copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND,
// EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE
// AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
// LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
// SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"use strict";
""",
}
"""What each file begins with, by its name."""
_OPTIONS = {"isolate": (), "rewrite": ("--minify",)}
_LOOKED_UP_LATER = re.compile(r"^\s.*\bimport_node_\w+", re.MULTILINE)


def bundle(name: str) -> str:
    """The text of NAME.js. Raises SystemExit when it cannot be made, or would look modules up while guests run."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "bundle.js"
        command = [
            deno.find_deno_bin(), "bundle", "--quiet", "--no-config", "--no-lock", "--format", "cjs",
            "--platform", "deno", *_OPTIONS[name], "--output", str(output), f"{name}.ts",
        ]  # fmt: skip
        if subprocess.run(command, cwd=HERE / "guest").returncode:
            raise SystemExit("deno bundle failed: see above")
        text = output.read_text()
    late = _LOOKED_UP_LATER.search(text)
    if late is not None:
        raise SystemExit(f"a module is looked up after the start, where a guest may have changed it: {late[0].strip()}")
    return _HEADS[name] + text


def main(words: list[str]) -> None:
    for name in _HEADS:
        file, made = HERE / f"{name}.js", bundle(name)
        if words != ["--check"]:
            file.write_text(made)
        elif not file.is_file() or file.read_text() != made:
            raise SystemExit(f"runtime-image/{name}.js is not what guest/*.ts give: run make guest")


if __name__ == "__main__":
    main(sys.argv[1:])
