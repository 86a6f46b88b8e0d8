"""The objects of a cluster, and watches of them, without an API server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tyrex_pool.model.kinds import CONFIG_MAP, TYREX_POOL, Kind

Object = dict[str, Any]


class FakeCluster:
    """`watch` is what `Follower` and `EndpointSlices` want; it tells nothing of the kinds in `silent`."""

    def __init__(self) -> None:
        self.silent: set[Kind] = set()
        self.watched: list[tuple[str, str | None, str | None]] = []
        self._objects: dict[tuple[Kind, str], Object] = {}
        self._changed: set[asyncio.Event] = set()
        self._version = 0

    def put(self, kind: Kind, name: str, **members: Any) -> None:
        """Have such an object in the namespace `web`, instead of one of that name."""
        self._version += 1
        metadata = {"namespace": "web", "name": name, "uid": "1", "generation": self._version}
        self._objects[kind, name] = {"metadata": metadata} | members
        self.tell()

    def put_pool(self, spec: object) -> None:
        self.put(TYREX_POOL, "render", spec=spec)

    def put_map(self, name: str, **data: str) -> None:
        self.put(CONFIG_MAP, name, data=data)

    def remove(self, kind: Kind, name: str) -> None:
        del self._objects[kind, name]
        self.tell()

    def speak(self, kind: Kind) -> None:
        self.silent.discard(kind)
        self.tell()

    def tell(self) -> None:
        for event in self._changed:
            event.set()

    async def watch(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> AsyncIterator[Mapping[str, Object]]:
        self.watched.append((kind.plural, namespace, labels or fields))
        changed = asyncio.Event()
        changed.set()
        self._changed.add(changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                if kind not in self.silent:
                    yield {f"{namespace}/{name}": one for (its, name), one in self._objects.items() if its == kind}
        finally:
            self._changed.discard(changed)
