"""The node's programs, built from Go sources: every Kubernetes component, CoreDNS, kubectl, Helm, pause."""

import os
import re
import shutil
from pathlib import Path

from tests.cluster.node.places import HERE, cache, digest
from tests.cluster.node.progress import output, say

_SOURCE = HERE / "binaries"
_FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")
_ONE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl", "coredns")
"""What the program `node` is when it is called so."""


def programs() -> Path:
    """The folder of the built programs; builds what is not cached, which takes minutes the first time."""
    sources = [path for path in _SOURCE.rglob("*") if path.is_file()]
    folder = cache() / "programs" / digest(sources, *_FLAGS, output(["go", "version"], _SOURCE))
    if not folder.is_dir():
        shutil.rmtree(folder.parent, ignore_errors=True)  # of older sources; Go has a cache of its own
        unfinished = folder.with_suffix(".new")
        unfinished.mkdir(parents=True)
        _build_all(unfinished)
        unfinished.rename(folder)
    return folder


def _build_all(folder: Path) -> None:
    found = re.search(r"k8s\.io/kubernetes (v\S+)", (_SOURCE / "go.mod").read_text())
    assert found
    version = f"-X k8s.io/component-base/version.gitVersion={found[1]}"
    say(f"Building Kubernetes {found[1]} and Helm (6 minutes on 2 cores when Go has nothing of them cached) ...")
    for name, package in {"node": ".", "helm": "helm.sh/helm/v3/cmd/helm", "pause": "./pause"}.items():
        command = ["go", "build", *_FLAGS, "-ldflags", f"-s -w {version}", "-o", str(folder / name), package]
        output(command, _SOURCE, os.environ | {"CGO_ENABLED": "0"})
    for name in _ONE:
        (folder / name).symlink_to("node")
