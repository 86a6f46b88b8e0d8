"""Compares desired with observed objects; the result is a list of actions, empty when nothing differs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tyrex_pool.plan.declared_pool import Manifest, Ref
from tyrex_pool.plan.difference import Difference, differences, without

CLOSED: Final = frozenset({"Deployment", "Service"})
"""Kinds to whose `spec` nobody else may add: it decides how pods run, and where requests go."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Write `manifest` by server-side apply; `reason` is for the log.

    `field` is the path of the first difference; empty when the object is missing.
    """

    ref: Ref
    manifest: Manifest
    reason: str
    field: str = ""

    def __str__(self) -> str:
        return f"apply {self.ref.kind} {self.ref.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Delete:
    ref: Ref
    reason: str

    def __str__(self) -> str:
        return f"delete {self.ref.kind} {self.ref.name}: {self.reason}"


Action = Apply | Delete
Kept = Mapping[Ref, Collection[str]]
"""The texts of differences that an apply does not end: the API server stores another form, or a webhook insists."""


def diff(
    desired: Mapping[Ref, Manifest | None], observed: Mapping[Ref, Manifest], kept: Kept = MappingProxyType({})
) -> tuple[Action, ...]:
    """In the order of `desired`. Observed objects that are not in `desired` are ignored; an object that is
    being deleted is not deleted again.
    """
    return tuple(_actions(desired, observed, kept))


def _actions(desired: Mapping[Ref, Manifest | None], observed: Mapping[Ref, Manifest], kept: Kept) -> Iterator[Action]:
    for ref, manifest in desired.items():
        present = observed.get(ref)
        if manifest is None:
            if present is not None and not present["metadata"].get("deletionTimestamp"):
                yield Delete(ref, "not wanted")
        elif present is None:
            yield Apply(ref, manifest, "missing")
        elif found := [one for one in different(manifest, present) if one.text not in kept.get(ref, ())]:
            yield Apply(ref, manifest, found[0].text, ".".join(found[0].path))


def different(manifest: Manifest, present: Manifest) -> list[Difference]:
    """Metadata comes last: the hash in it differs with everything else, and explains nothing."""
    closed = manifest.get("kind") in CLOSED
    body = {name: value for name, value in manifest.items() if name != "metadata"}
    seen = {name: present.get(name) for name in body}  # a status belongs to others, also of a closed kind
    return [*differences(body, seen, closed), *differences({"metadata": manifest["metadata"]}, present)]


def removal(manifest: Manifest, present: Manifest) -> Manifest | None:
    """The merge patch that removes what others have added, and an apply leaves; None when there is no such thing."""
    extra = [one.path for one in different(manifest, present) if one.extra]
    return without({name: value for name, value in manifest.items() if name != "metadata"}, extra) if extra else None
