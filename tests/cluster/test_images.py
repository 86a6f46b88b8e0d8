"""What the images hold, and that they run as any user with nothing to write to but /tmp."""

import json
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, Images

CONTENTS = """
import glob, importlib.util, json, os, shutil, sys
programs, modules = (words.split() for words in sys.argv[1:])
print(json.dumps({
    "user": os.getuid(),
    "programs": [name for name in programs if shutil.which(name, path="/opt/venv/bin:/usr/local/bin:/usr/bin:/bin")],
    "modules": [name for name in modules if importlib.util.find_spec(name)],
    "left": glob.glob("/var/lib/apt/lists/*") + glob.glob("/etc/pip.conf") + glob.glob("/run/secrets/*.c*"),
}))
"""
BUILDERS = ("cc", "gcc", "g++", "cpp", "as", "ld", "make", "pip", "pip3", "git", "curl", "wget")
BUILDING = ("pip", "setuptools", "ensurepip", "hatchling", "pytest")
OURS = {"operator": ["kopf", "kubernetes", "opentelemetry"], "runtime": ["deno", "opentelemetry"]}
MANIFEST = """
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: alone}
spec:
  size: 1
  mainModule:
    inline: |
      const six: number = 6;
      globalThis.times = (n: number) => six * n;
"""
EVALUATE = """
import sys
from pathlib import Path
from tyrex_pool.cli.main import main
manifest = Path("/tmp/pool.yaml")
manifest.write_text(sys.argv[1])
sys.exit(main(["serve", str(manifest), "--try", sys.argv[2]]))
"""
IMPORTER = """
apiVersion: tyrex.dev/v1alpha1
kind: TyrexPool
metadata: {name: importer}
spec: {size: 1, permissions: {allow: {import: ["127.0.0.1:8000"]}}}
"""
WITH_A_CACHE = """
mkdir -p /tmp/image/remote/http /tmp/www
echo 'export const answer = 42;' > /tmp/www/answer.js
chmod -R a-w /tmp/image
python3 -m http.server 8000 --bind 127.0.0.1 --directory /tmp/www &
DENO_DIR=/tmp/image python3 -c "$@"
kill $!
"""
"""Deno's cache as an image has it, with no folder of this server, and a server to import from."""
ANY_USER = 1_234_567_890
"""As some platforms give each namespace."""

LARGEST = 150
"""In megabytes."""

each_part = pytest.mark.parametrize("part", ["operator", "runtime"])


@each_part
def test_nothing_to_build_with_is_inside(cluster: Cluster, images: Images, namespace: str, part: str) -> None:
    ours = sorted({name for names in OURS.values() for name in names})
    script = ["python3", "-c", CONTENTS, " ".join(BUILDERS), " ".join([*BUILDING, *ours])]
    found: Any = json.loads(cluster.output_of(namespace, getattr(images, part), script))
    assert found == {"user": 65532, "programs": [], "modules": OURS[part], "left": []}


@each_part
def test_any_user_may_run_it(cluster: Cluster, images: Images, namespace: str, part: str) -> None:
    printed = cluster.output_of(namespace, getattr(images, part), ["tyrex-pool", "--version"], ANY_USER)
    assert printed.startswith("tyrex-pool ")


def test_a_runtime_needs_no_network_and_no_disk(cluster: Cluster, images: Images, namespace: str) -> None:
    argv = ["python3", "-c", EVALUATE, MANIFEST, "times(7)"]
    assert "\n  = 42\n" in cluster.output_of(namespace, images.runtime, argv, ANY_USER)


def test_a_runtime_imports_what_its_image_has_not_cached(cluster: Cluster, images: Images, namespace: str) -> None:
    code = 'import("http://127.0.0.1:8000/answer.js").then(({ answer }) => answer)'
    argv = ["sh", "-c", WITH_A_CACHE, "sh", EVALUATE, IMPORTER, code]
    assert "\n  = 42\n" in cluster.output_of(namespace, images.runtime, argv)


@each_part
def test_an_image_is_small(cluster: Cluster, images: Images, part: str) -> None:
    """As it travels: compressed."""
    name = getattr(images, part)
    known = [image for node in cluster.kubectl_json("get", "nodes")["items"] for image in node["status"]["images"]]
    sizes = [image["sizeBytes"] / 1e6 for image in known if name in (image["names"] or ())]
    assert [size for size in sizes if size > LARGEST] == []
