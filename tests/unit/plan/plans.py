"""Pools to plan: those whose children are in `golden/`, and small ones."""

from pathlib import Path
from typing import Any

from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.declared_pool import DeclaredPool, Platform

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.name.removesuffix(".pool.yaml") for path in GOLDEN.glob("*.pool.yaml"))

PLATFORM = Platform(
    "registry.example.com/tyrex-pool-runtime:1",
    "registry.example.com/tyrex-pool-operator:1",
    "IfNotPresent",
    ("pull",),
    "tyrex-system",
)


def golden_pool(name: str, uid: str | None = None) -> DeclaredPool:
    """The pool of `golden/NAME.pool.yaml`."""
    manifest = Manifest.load((GOLDEN / f"{name}.pool.yaml").read_text())
    return DeclaredPool(manifest.name, manifest.namespace, uid, manifest.spec, manifest.config_maps, manifest.labels)


def pool(name: str = "p", uid: str | None = "1", **spec: Any) -> DeclaredPool:
    """One with `spec` as it is on the wire."""
    return DeclaredPool(name, "web", uid, PoolSpec.parse(spec))
