"""Whose an object is, by the UIDs of its owners: labels can be set by anybody."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import Manifest, Ref

Object = Mapping[str, Any]

_ORPHAN: Final = "orphan"
"""Kubernetes' own finalizer of what is deleted with `--cascade=orphan`, until its dependents have no owner any more."""
_FINISHED: Final = frozenset({"Failed", "Succeeded"})


class Holder(Enum):
    """Of an object that has a child's name: this pool; nobody, or a former pool of the same name; somebody else."""

    POOL = auto()
    FREE = auto()
    OTHER = auto()


def holder(item: Object, name: str, uid: str) -> Holder:
    """Who holds `item`, as the pool `name` with this `uid` sees it."""
    owner = controller(item)
    if owner is None:
        labelled = item["metadata"].get("labels", {}).get(names.LABEL_POOL) == name
        return Holder.FREE if labelled else Holder.OTHER
    if owner["uid"] == uid:
        return Holder.POOL
    group = str(owner.get("apiVersion", "")).partition("/")[0]
    former = (group, owner.get("kind"), owner.get("name")) == (names.GROUP, names.KIND, name)
    return Holder.FREE if former else Holder.OTHER


def controller(item: Object) -> Object | None:
    """The owner reference of the object that controls `item`; None when there is none."""
    owners = item["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)


def held(children: Mapping[Ref, Manifest], name: str, uid: str) -> dict[Ref, Manifest]:
    """Those that belong to the pool."""
    return {ref: item for ref, item in children.items() if holder(item, name, uid) is Holder.POOL}


def finished(pod: Object) -> bool:
    """Whether none of its containers runs, or ever will again: an evicted pod is kept only to be read."""
    return pod.get("status", {}).get("phase") in _FINISHED


def orphans(metadata: Object) -> bool:
    """Whether what the deleted object owned is to stay."""
    return _ORPHAN in metadata.get("finalizers", ())
