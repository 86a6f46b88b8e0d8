"""A cache of what the watches reported: pools, their children, and which pools read which ConfigMap. No I/O here."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import Kind
from tyrex_pool.plan.declared_pool import Ref

Object = dict[str, Any]


class Store:
    """`pools` and `children` have the newest version of each object that the API server has reported."""

    def __init__(self) -> None:
        self.pools: dict[Key, Object] = {}
        self.children: defaultdict[Key, dict[Ref, Object]] = defaultdict(dict)
        self._readers: defaultdict[str, set[Key]] = defaultdict(set)

    def set_pool(self, item: Object) -> Key:
        """Keep this version of a pool, unless a newer one is known; returns the pool's key."""
        key = key_of(item)
        if not _older(item, self.pools.get(key)):
            self.pools[key] = item
        return key

    def remove_pool(self, item: Object) -> Key:
        """Forget a pool that was deleted, but not a newer one of the same name; returns its key."""
        key = key_of(item)
        known = self.pools.get(key)
        if known is not None and known["metadata"]["uid"] == item["metadata"]["uid"]:
            del self.pools[key]
        return key

    def replace_pools(self, namespace: str | None, items: Iterable[Object]) -> set[Key]:
        """`items` are all pools of `namespace` (None: of all namespaces); returns their keys and those of pools that
        were known and do not exist any more.
        """
        present = {self.set_pool(item) for item in items}
        missing = {key for key in self.pools if namespace in (None, key.namespace)} - present
        for key in missing:
            del self.pools[key]
        return present | missing

    def set_child(self, item: Object) -> Key | None:
        """Keep this version of a child, unless a newer one is known; returns the key of its pool."""
        key = owner(item)
        if key is not None and not _older(item, self.children[key].get(ref(item))):
            self.children[key][ref(item)] = item
        return key

    def remove_child(self, item: Object) -> Key | None:
        """Forget a child that was deleted; returns the key of its pool, None when the child was unknown."""
        key = owner(item)
        if key is not None and self.children[key].pop(ref(item), None) is None:
            return None
        return key

    def set_references(self, key: Key, config_maps: Iterable[str]) -> None:
        """Replace the names of the ConfigMaps that the pool reads."""
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
        """Remove everything about a pool that does not exist any more, but for children that still do."""
        self.pools.pop(key, None)
        self.set_references(key, ())
        if not self.children.get(key):
            self.children.pop(key, None)


def key_of(pool: Object) -> Key:
    return Key(pool["metadata"]["namespace"], pool["metadata"]["name"])


def _older(item: Object, known: Object | None) -> bool:
    """Whether `item` is an older version of `known`: answers to writes and watch events arrive in any order."""
    if known is None or known["metadata"]["uid"] != item["metadata"]["uid"]:
        return False
    return int(item["metadata"]["resourceVersion"]) < int(known["metadata"]["resourceVersion"])


def owner(item: Object) -> Key | None:
    """The pool that the child's label names."""
    metadata = item["metadata"]
    pool = metadata.get("labels", {}).get(names.LABEL_POOL)
    return None if pool is None else Key(metadata["namespace"], pool)


def ref_to(kind: Kind, name: str) -> Ref:
    return Ref(kind.api_version, kind.name, name)


def ref(item: Object) -> Ref:
    return Ref(item["apiVersion"], item["kind"], item["metadata"]["name"])
