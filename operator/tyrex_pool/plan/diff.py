"""From what should be there and what is, to what to do: nothing, for a pool that is as it should be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tyrex_pool.plan.declared_pool import Manifest, Ref
from tyrex_pool.plan.difference import difference


@dataclass(frozen=True, slots=True)
class Apply:
    """Write `manifest` down, by server-side apply."""

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
    """In the order of `desired`. What is observed and not in `desired` at all is not looked at; what is going already
    is not deleted again."""
    return tuple(_actions(desired, observed))


def _actions(desired: Mapping[Ref, Manifest | None], observed: Mapping[Ref, Manifest]) -> Iterator[Action]:
    for ref, manifest in desired.items():
        there = observed.get(ref)
        if manifest is None:
            if there is not None and not there["metadata"].get("deletionTimestamp"):
                yield Delete(ref, "not wanted")
        elif there is None:
            yield Apply(ref, manifest, "missing")
        elif (found := _difference(manifest, there)) is not None:
            yield Apply(ref, manifest, found)


def _difference(manifest: Manifest, there: Manifest) -> str | None:
    """Metadata last: the hash in it differs with whatever differs, and tells little."""
    body = {name: value for name, value in manifest.items() if name != "metadata"}
    return difference(body, there) or difference({"metadata": manifest["metadata"]}, there)
