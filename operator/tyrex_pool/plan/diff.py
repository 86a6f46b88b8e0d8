"""Compares desired with observed objects; the result is a list of actions, empty when nothing differs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tyrex_pool.plan.declared_pool import Manifest, Ref
from tyrex_pool.plan.difference import difference


@dataclass(frozen=True, slots=True)
class Apply:
    """Write `manifest` by server-side apply; `reason` is for the log."""

    ref: Ref
    manifest: Manifest
    reason: str

    def __str__(self) -> str:
        return f"apply {self.ref.kind} {self.ref.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Delete:
    ref: Ref
    reason: str

    def __str__(self) -> str:
        return f"delete {self.ref.kind} {self.ref.name}: {self.reason}"


Action = Apply | Delete


def diff(desired: Mapping[Ref, Manifest | None], observed: Mapping[Ref, Manifest]) -> tuple[Action, ...]:
    """In the order of `desired`. Observed objects that are not in `desired` are ignored; an object that is
    being deleted is not deleted again.
    """
    return tuple(_actions(desired, observed))


def _actions(desired: Mapping[Ref, Manifest | None], observed: Mapping[Ref, Manifest]) -> Iterator[Action]:
    for ref, manifest in desired.items():
        present = observed.get(ref)
        if manifest is None:
            if present is not None and not present["metadata"].get("deletionTimestamp"):
                yield Delete(ref, "not wanted")
        elif present is None:
            yield Apply(ref, manifest, "missing")
        elif (found := _difference(manifest, present)) is not None:
            yield Apply(ref, manifest, found)


def _difference(manifest: Manifest, present: Manifest) -> str | None:
    """Metadata comes last: the hash in it differs with everything else, and explains nothing."""
    body = {name: value for name, value in manifest.items() if name != "metadata"}
    return difference(body, present) or difference({"metadata": manifest["metadata"]}, present)
