"""Where a cluster comes from: the one that KUBECONFIG names, a node of our own, or kind in Docker."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.cluster import Cluster, Images
from tests.cluster.node import images as built
from tests.cluster.node import node as nodes
from tests.cluster.node.places import ROOT
from tests.cluster.node.preflight import missing
from tests.cluster.node.progress import output, say

_GIVEN = {"operator": "TYREX_TEST_OPERATOR_IMAGE", "runtime": "TYREX_TEST_RUNTIME_IMAGE"}
_KIND = "tyrex-pool-test"


class NoCluster(Exception):
    """Why there is none, and what to do about it."""


@contextmanager
def any_cluster() -> Iterator[Cluster]:
    """The first that there is. Raises NoCluster, and Failed when one should start and does not."""
    if os.environ.get("KUBECONFIG"):
        yield _given()
    elif not (problem := missing()):
        with _node() as cluster:
            yield cluster
    elif not (no_kind := _no_kind()):
        with _kind() as cluster:
            yield cluster
    else:
        raise NoCluster(f"{problem} ({no_kind})")


def _given() -> Cluster:
    for name in (*_GIVEN.values(),):
        if not os.environ.get(name):
            raise NoCluster(f"KUBECONFIG is set, and {name} is not: name the image that this cluster can pull")
    if absent := _absent("kubectl", "helm"):
        raise NoCluster(f"KUBECONFIG is set, and {absent} is not installed")
    return Cluster(Images(**{part: os.environ[name] for part, name in _GIVEN.items()}), dict(os.environ))


@contextmanager
def _node() -> Iterator[Cluster]:
    """One that runs already gets the images of this checkout, and goes on running."""
    there = nodes.running()
    if there:
        nodes.load(there)
    node = there or nodes.start()
    try:
        yield Cluster(Images(built.OPERATOR, built.RUNTIME), node.environment, node.inside([]), node.audit_log)
    finally:
        if not there:
            nodes.stop()


def _no_kind() -> str | None:
    if absent := _absent("docker", "kind", "kubectl", "helm"):
        return f"no Docker with kind either: {absent} is not installed"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker with kind either: Docker does not answer"
    return None


@contextmanager
def _kind() -> Iterator[Cluster]:
    for image, containerfile in built.CONTAINERFILES.items():
        say(f"Building {image} ...")
        output(["docker", "build", f"--file={ROOT / containerfile}", f"--tag={image}", str(ROOT)])
    with TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        name = f"--name={_KIND}"
        say("Starting kind ...")
        try:
            output(["kind", "create", "cluster", name, f"--kubeconfig={kubeconfig}", "--wait=180s"])
            output(["kind", "load", "docker-image", name, *built.CONTAINERFILES])
            environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
            yield Cluster(Images(built.OPERATOR, built.RUNTIME), environment)
        finally:
            output(["kind", "delete", "cluster", name])


def _absent(*programs: str) -> str | None:
    return next((program for program in programs if not shutil.which(program)), None)
