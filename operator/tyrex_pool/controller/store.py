"""What the watches have told: pools, their children, and who refers to which ConfigMap. No I/O here."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tyrex_pool.controller.queue import Key
from tyrex_pool.model import names
from tyrex_pool.plan.pool import Ref

Object = dict[str, Any]


class Store:
    """`pools` and `children` are as the API server last told them."""

    def __init__(self) -> None:
        self.pools: dict[Key, Object] = {}
        self.children: defaultdict[Key, dict[Ref, Object]] = defaultdict(dict)
        self._readers: defaultdict[str, set[Key]] = defaultdict(set)

    def child_is(self, item: Object) -> Key | None:
        """A child is there as `item` says; returns its pool."""
        key = owner(item)
        if key is not None:
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


def owner(item: Object) -> Key | None:
    """The pool whose child `item` says it is."""
    metadata = item["metadata"]
    pool = metadata.get("labels", {}).get(names.LABEL_POOL)
    return None if pool is None else Key(metadata["namespace"], pool)


def ref(item: Object) -> Ref:
    return Ref(item["apiVersion"], item["kind"], item["metadata"]["name"])
