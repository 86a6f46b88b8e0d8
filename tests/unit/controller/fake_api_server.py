"""An API server that stores objects in memory, as far as the operator relies on one.

It counts resourceVersion with every change and generation with every change outside of metadata and status, gives uid,
creationTimestamp and a Service's clusterIP, applies with field ownership, keeps the status for its subresource, refuses
stale writes, and deletes an object with finalizers when the last one is removed. Its methods are what users and the
cluster's own controllers do; `FakeCluster` gives the operator access to it.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tests.unit.controller import fake_fields
from tests.unit.controller.virtual_time import clock
from tyrex_pool.cluster.errors import ClusterError, Conflict, NotFound
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model.kinds import BY_NAME, DEPLOYMENT, POD, SERVICE, TYREX_POOL, Kind

NAMESPACE = "web"
_WITH_STATUS = frozenset({DEPLOYMENT, TYREX_POOL, POD})
"""Kinds whose status can only be written through the subresource."""


_ORPHAN = "orphan"


class Place(NamedTuple):
    kind: Kind
    namespace: str
    name: str


class Stored(NamedTuple):
    """One change: `before` is None for a new object, `after` None for one that is gone."""

    version: int
    place: Place
    before: Object | None
    after: Object | None


class FakeApiServer:
    def __init__(self) -> None:
        self.version = 0
        self.history: list[Stored] = []
        self.subscribers: list[Callable[[Stored], None]] = []
        self.webhooks: list[Callable[[Object], None]] = []
        """Mutating ones: they change every object that is written."""
        self._objects: dict[Place, Object] = {}
        self._applied: dict[tuple[str, str], Object] = {}
        """By uid and subresource: what was applied the last time."""

    # Reading

    def find(self, kind: Kind, name: str, namespace: str = NAMESPACE) -> Object | None:
        return copy.deepcopy(self._objects.get(Place(kind, namespace, name)))

    def read(self, kind: Kind, name: str, namespace: str = NAMESPACE) -> Object:
        """Raises NotFound."""
        found = self.find(kind, name, namespace)
        if found is None:
            raise NotFound(f'{kind.plural} "{name}" not found', 404)
        return found

    def select(self, kind: Kind, namespace: str | None, labels: str | None = None) -> list[Object]:
        """In the order of their creation."""
        mine = ((place, item) for place, item in self._objects.items() if place.kind == kind)
        return [
            copy.deepcopy(item) for place, item in mine if namespace in (None, place.namespace) and chosen(item, labels)
        ]

    def names(self, kind: Kind, namespace: str | None = None) -> list[str]:
        return [item["metadata"]["name"] for item in self.select(kind, namespace)]

    # Writing

    def create(self, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict."""
        place = _id(manifest)
        if place in self._objects:
            raise Conflict(f'{place.kind.plural} "{place.name}" already exists', 409)
        return self._write(place, copy.deepcopy(dict(manifest)))

    def apply(self, manifest: Mapping[str, Any], subresource: Literal["status"] | None = None) -> Object:
        """Raises NotFound for the subresource of a missing object, Conflict for another uid, ClusterError (422)."""
        place = _id(manifest)
        live = self._objects.get(place)
        if live is None:
            if subresource is not None:
                raise NotFound(f'{place.kind.plural} "{place.name}" not found', 404)
            created = self._write(place, fake_fields.apply({}, manifest, {}))
            self._applied[created["metadata"]["uid"], ""] = copy.deepcopy(dict(manifest))
            return created
        uid = live["metadata"]["uid"]
        if manifest["metadata"].get("uid", uid) != uid:
            raise Conflict(f"the object {place.name} has another uid", 409)
        before = self._applied.get((uid, subresource or ""), {})
        if subresource is not None:
            status = fake_fields.apply(live.get("status"), manifest["status"], before.get("status"))
            changed = {**live, "status": status}
        else:
            changed = fake_fields.apply(live, manifest, before)
        written = self._write(place, changed, subresource)
        self._applied[uid, subresource or ""] = copy.deepcopy(dict(manifest))
        return written

    def merge(self, kind: Kind, name: str, patch: Mapping[str, Any], namespace: str = NAMESPACE) -> Object:
        """Raises NotFound, Conflict, ClusterError (422)."""
        live = self.read(kind, name, namespace)
        self._check_version(live, patch)
        return self._write(Place(kind, namespace, name), fake_fields.merge(live, patch))

    def replace(self, kind: Kind, name: str, manifest: Mapping[str, Any], namespace: str = NAMESPACE) -> Object:
        """Raises NotFound, Conflict, ClusterError (422)."""
        live = self.read(kind, name, namespace)
        self._check_version(live, manifest)
        kept = {field: live["metadata"][field] for field in ("uid", "creationTimestamp")}
        changed = {**copy.deepcopy(dict(manifest)), "metadata": {**manifest["metadata"], **kept}}
        return self._write(Place(kind, namespace, name), changed)

    def set_status(self, kind: Kind, name: str, status: Object, namespace: str = NAMESPACE) -> Object:
        """Raises NotFound."""
        return self._write(
            Place(kind, namespace, name), {**self.read(kind, name, namespace), "status": status}, "status"
        )

    def delete(
        self, kind: Kind, name: str, namespace: str = NAMESPACE, grace: int | None = None, orphan: bool = False
    ) -> None:
        """An object with finalizers, and a pod with a grace period, only gets a deletionTimestamp. Raises NotFound.

        `orphan`: as `--cascade=orphan`; `collect_garbage` does the rest.
        """
        live, place = self.read(kind, name, namespace), Place(kind, namespace, name)
        if orphan:
            live["metadata"]["finalizers"] = [*live["metadata"].get("finalizers", ()), _ORPHAN]
        if live["metadata"].get("finalizers") or (kind == POD and grace != 0):
            if "deletionTimestamp" not in live["metadata"]:
                live["metadata"]["deletionTimestamp"] = _now()
                self._objects[place]["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
            self._write(place, live)
        else:
            self._remove(place)

    def collect_garbage(self) -> None:
        """Orphan the dependents of objects that are deleted so, and delete objects whose owners do not exist any more,
        with everything that depends on them.
        """
        for place, item in list(self._objects.items()):
            if _ORPHAN in item["metadata"].get("finalizers", ()):
                self._orphan(place, item)
        before = None
        while before != self.version:
            before = self.version
            uids = {item["metadata"]["uid"] for item in self._objects.values()}
            for place, item in list(self._objects.items()):
                owners = [owner["uid"] for owner in item["metadata"].get("ownerReferences", ())]
                if owners and uids.isdisjoint(owners) and not item["metadata"].get("deletionTimestamp"):
                    self.delete(place.kind, place.name, place.namespace)

    def _orphan(self, place: Place, item: Object) -> None:
        uid = item["metadata"]["uid"]
        for dependent, found in list(self._objects.items()):
            owners = found["metadata"].get("ownerReferences", ())
            if any(owner["uid"] == uid for owner in owners):
                others = [owner for owner in owners if owner["uid"] != uid]
                patch = {"metadata": {"ownerReferences": others or None}}
                self.merge(dependent.kind, dependent.name, patch, dependent.namespace)
        left = [name for name in item["metadata"]["finalizers"] if name != _ORPHAN]
        self.merge(place.kind, place.name, {"metadata": {"finalizers": left}}, place.namespace)

    def forget_history(self) -> None:
        """Watches that begin at an older version than the present one are refused from now on."""
        self.history.clear()

    @property
    def oldest(self) -> int:
        """The oldest version that a watch can begin at."""
        return self.history[0].version - 1 if self.history else self.version

    def _check_version(self, live: Object, written: Mapping[str, Any]) -> None:
        version = live["metadata"]["resourceVersion"]
        if written.get("metadata", {}).get("resourceVersion", version) != version:
            raise Conflict(f"the object {live['metadata']['name']} has been modified", 409)

    def _write(self, place: Place, item: Object, subresource: str | None = None) -> Object:
        before = self._objects.get(place)
        if (double := fake_fields.duplicate_port(item)) is not None:
            raise ClusterError(f'{place.kind.name} "{place.name}" is invalid: Duplicate value: "{double}"', 422)
        if sum(bool(owner.get("controller")) for owner in item["metadata"].get("ownerReferences") or ()) > 1:
            raise ClusterError(f'{place.kind.name} "{place.name}" is invalid: two controllers', 422)
        for webhook in self.webhooks if subresource is None else ():
            webhook(item)
        self._complete(place, item, before, subresource)
        if before is not None and item == before:
            return copy.deepcopy(item)
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        if item["metadata"].get("deletionTimestamp") and not item["metadata"].get("finalizers") and place.kind != POD:
            self._objects[place] = item
            self._remove(place)
        else:
            self._objects[place] = item
            self._publish(Stored(self.version, place, before, copy.deepcopy(item)))
        return copy.deepcopy(item)

    def _complete(self, place: Place, item: Object, before: Object | None, subresource: str | None) -> None:
        """Fill in what the API server decides, whatever was written."""
        metadata = item["metadata"]
        if place.kind in _WITH_STATUS and subresource is None:
            item.pop("status", None)
            if before is not None and "status" in before:
                item["status"] = copy.deepcopy(before["status"])
        if before is None:
            metadata |= {"uid": f"uid-{self.version + 1}", "creationTimestamp": _now()}
            if "spec" in item:
                metadata["generation"] = 1
            if place.kind == SERVICE:
                item["spec"].setdefault("clusterIP", f"10.0.0.{self.version % 250 + 1}")
            return
        metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        if "generation" in before["metadata"]:
            metadata["generation"] = before["metadata"]["generation"] + (_body(item) != _body(before))

    def _remove(self, place: Place) -> None:
        before = self._objects.pop(place)
        self.version += 1
        self._publish(Stored(self.version, place, before, None))

    def _publish(self, stored: Stored) -> None:
        self.history.append(stored)
        for subscriber in list(self.subscribers):
            subscriber(stored)


def chosen(item: Object, labels: str | None, fields: str | None = None) -> bool:
    """Whether both selectors choose the object: `a=b` and, for labels, `a`, with commas between them."""
    present = item["metadata"].get("labels", {})
    for name, value in _terms(labels):
        if name not in present or value not in (None, present[name]):
            return False
    return all(_field(item, name) == value for name, value in _terms(fields))


def _field(item: Object, path: str) -> Any:
    """The value at `metadata.name`, for example."""
    value: Any = item
    for name in path.split("."):
        value = value.get(name)
    return value


def _terms(selector: str | None) -> Iterator[tuple[str, str | None]]:
    for term in (selector or "").split(","):
        name, equals, value = term.partition("=")
        if name:
            yield name, value if equals else None


def _id(manifest: Mapping[str, Any]) -> Place:
    kind = BY_NAME[manifest["apiVersion"], manifest["kind"]]
    return Place(kind, manifest["metadata"].get("namespace", NAMESPACE), manifest["metadata"]["name"])


def _body(item: Object) -> Object:
    return {name: value for name, value in item.items() if name not in ("metadata", "status")}


def _now() -> str:
    return clock().strftime("%Y-%m-%dT%H:%M:%SZ")
