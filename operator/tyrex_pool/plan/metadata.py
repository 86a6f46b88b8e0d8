"""Labels, selectors and owner references, by which a pool's children are found and garbage-collected."""

from hashlib import sha256
from typing import Any, Final

import msgspec

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest

_DIGITS: Final = 16
_NOT_INHERITED: Final = (
    names.LABEL_PREFIX,
    "app.kubernetes.io/",
    "applyset.kubernetes.io/",
    "argocd.argoproj.io/",
    "fleet.cattle.io/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kapp.k14s.io/",
    "kustomize.toolkit.fluxcd.io/",
    "objectset.rio.cattle.io/",
)
"""Prefixes of our own labels, and of those by which tools find what they applied: they would prune children that have
one as objects which nobody wants any more.
"""


def labels(pool: str, component: str) -> dict[str, str]:
    """The labels of every child, and of its pods."""
    return {
        names.LABEL_NAME: names.APPLICATION,
        names.LABEL_INSTANCE: pool,
        names.LABEL_COMPONENT: component,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_PART_OF: names.APPLICATION,
        names.LABEL_POOL: pool,
    }


def inherited(pool: DeclaredPool) -> dict[str, str]:
    """The pool's own labels that its children get too: of cost centres and teams, not those of tools."""
    return {key: value for key, value in pool.labels.items() if not key.startswith(_NOT_INHERITED)}


def selector(pool: str, component: str) -> dict[str, str]:
    """The labels that select the pods of one component; those of a Deployment are immutable."""
    return {names.LABEL_POOL: pool, names.LABEL_COMPONENT: component}


def owners(pool: DeclaredPool) -> list[Manifest]:
    """The owner references of a child; empty for a pool that is in no cluster."""
    if pool.uid is None:
        return []
    owner = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": pool.name, "uid": pool.uid}
    # Without blockOwnerDeletion, by which a foreground deletion would take everything before our finalizer drains.
    return [{**owner, "controller": True}]


def digest(*parts: Any) -> str:
    """A hash of the values, independent of the order of keys; valid as a label."""
    return sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:_DIGITS]
