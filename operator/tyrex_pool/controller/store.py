"""What the watches have told: pools, their children, and who refers to which ConfigMap. No I/O here."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tyrex_pool.controller.queue import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import Kind
from tyrex_pool.plan.declared_pool import Ref

Object = dict[str, Any]


class Store:
    """`pools` and `children` are as the API server last told them."""

    def __init__(self) -> None:
        self.pools: dict[Key, Object] = {}
        self.children: defaultdict[Key, dict[Ref, Object]] = defaultdict(dict)
        self._readers: defaultdict[str, set[Key]] = defaultdict(set)

    def pool_is(self, item: Object) -> Key:
        """A pool is there as `item` says, unless something newer of it is known; returns its name."""
        key = key_of(item)
        if not _older(item, self.pools.get(key)):
            self.pools[key] = item
        return key

    def pool_gone(self, item: Object) -> Key:
        """A pool is there no more; one of the same name that was made since stays."""
        key = key_of(item)
        known = self.pools.get(key)
        if known is not None and known["metadata"]["uid"] == item["metadata"]["uid"]:
            del self.pools[key]
        return key

    def pools_are(self, namespace: str | None, items: Iterable[Object]) -> set[Key]:
        """Exactly these are in `namespace` (None: everywhere); returns all that were or are."""
        there = {self.pool_is(item) for item in items}
        missing = {key for key in self.pools if namespace in (None, key.namespace)} - there
        for key in missing:
            del self.pools[key]
        return there | missing

    def child_is(self, item: Object) -> Key | None:
        """A child is there as `item` says; returns its pool."""
        key = owner(item)
        if key is not None and not _older(item, self.children[key].get(ref(item))):
            self.children[key][ref(item)] = item
        return key

    def child_gone(self, item: Object) -> Key | None:
        """A child is there no more; returns the pool it had."""
        key = owner(item)
        if key is not None and self.children[key].pop(ref(item), None) is None:
            return None
        return key

    def refers(self, key: Key, config_maps: Iterable[str]) -> None:
        """From now on these are the ConfigMaps that the pool reads, by name."""
        wanted = {f"{key.namespace}/{name}" for name in config_maps}
        for path, readers in list(self._readers.items()):
            if key in readers and path not in wanted:
                readers.discard(key)
                if not readers:
                    del self._readers[path]
        for path in wanted:
            self._readers[path].add(key)

    def readers(self, path: str) -> Iterable[Key]:
        """The pools that read the ConfigMap `namespace/name`."""
        return self._readers.get(path, ())

    def forget(self, key: Key) -> None:
        """The pool is gone."""
        self.pools.pop(key, None)
        self.refers(key, ())
        if not self.children.get(key):
            self.children.pop(key, None)


def key_of(pool: Object) -> Key:
    return Key(pool["metadata"]["namespace"], pool["metadata"]["name"])


def _older(item: Object, known: Object | None) -> bool:
    """Whether `item` is what `known` was before: answers to our writes and the watch come in any order."""
    if known is None or known["metadata"]["uid"] != item["metadata"]["uid"]:
        return False
    return int(item["metadata"]["resourceVersion"]) < int(known["metadata"]["resourceVersion"])


def owner(item: Object) -> Key | None:
    """The pool whose child `item` says it is."""
    metadata = item["metadata"]
    pool = metadata.get("labels", {}).get(names.LABEL_POOL)
    return None if pool is None else Key(metadata["namespace"], pool)


def ref_to(kind: Kind, name: str) -> Ref:
    return Ref(kind.api_version, kind.name, name)


def ref(item: Object) -> Ref:
    return Ref(item["apiVersion"], item["kind"], item["metadata"]["name"])
