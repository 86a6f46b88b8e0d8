"""ConfigMaps in the file of `serve`: text and bytes, and what is refused."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.local.running import result
from tests.local.serving import HELLO, Serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")

OWN = "spec: {strategy: {type: Custom, custom: {configMap: {name: a, key: b}, class: C}}}\n"
MAP = "---\n{kind: ConfigMap, metadata: {name: a}, binaryData: {b: %s}}"
WASM = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: src}
data: {main.js: 'import { f } from "./a.wasm"; globalThis.answer = f;'}
binaryData:
  a.wasm: |
    AGFzbQEAAAABBQFgAAF/AwIBAAcFAQFm
    AAAKBgEEAEEqCw==
"""
"""A module that exports `f`, which returns 42, in lines of base64 as the command `base64` writes them."""


def test_binary_data(tmp_path: Path) -> None:
    spec = "spec: {size: 1, mainModule: {configMap: {name: src, entrypoint: main.js}}}\n"
    with closing(Serving(tmp_path, HELLO + spec + WASM)) as serving:
        assert serving.start()["ready"] is True
        assert result(serving.post("answer()")) == 42


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        pytest.param(
            HELLO + OWN + MAP % "/w==", "key 'b' of ConfigMap 'a' is no text; write it under data", id="a strategy"
        ),
        pytest.param(HELLO + MAP % "'no base64'", "ConfigMap/a.binaryData.b: write base64", id="no base64"),
        pytest.param(
            HELLO + "spec: {runtime: {podMetadata: {labels: {tyrex.dev/pool: x}}}}",
            "spec.runtime.podMetadata.labels[tyrex.dev/pool]",
            id="a reserved label",
        ),
    ],
)
def test_refused(tmp_path: Path, manifest: str, said: str) -> None:
    with closing(Serving(tmp_path, manifest)) as serving:
        ended = serving.run()
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
