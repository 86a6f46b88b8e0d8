"""Watches that never end: each lists, then follows changes, and starts over when its connection or its history is lost.

`changes` yields single events, `current` the whole set of objects after each of them.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from tyrex_pool.cluster.errors import ClusterError, Gone
from tyrex_pool.cluster.protocol import Object, WatchSource
from tyrex_pool.cluster.query import selectors
from tyrex_pool.model.kinds import Kind

_SERVER_TIMEOUT: Final = 240
"""Seconds after which the API server ends a watch; it is then continued from the last version."""
SILENCE: Final = 100.0
"""Seconds without a byte after which a connection counts as dead. API servers that send bookmarks send one a minute."""
_PAUSES: Final = (0.1, 5.0)
"""The shortest and longest pause before another attempt, in seconds."""
_GONE: Final = 410

logger = logging.getLogger("tyrex_pool")


class What(Enum):
    SET = "set"
    """The object was created or changed, or is listed."""
    DELETED = "deleted"
    LISTING = "listing"
    """A list begins: the events up to SYNCED bring what is known up to date with it."""
    SYNCED = "synced"
    """The list ends: every object is known."""


class Change(NamedTuple):
    """`key` is `namespace/name` and `object` the object's newest known state; both are empty for LISTING and SYNCED."""

    what: What
    key: str
    object: Object


async def changes(
    cluster: WatchSource,
    kind: Kind,
    namespace: str | None,
    *,
    labels: str | None = None,
    fields: str | None = None,
    metadata_only: bool = False,
    silence: float = SILENCE,
) -> AsyncIterator[Change]:
    """The objects that the selectors choose, then every change of them, without end.

    A ClusterError is logged, and the watch tried again after a pause. `silence` in seconds.
    """
    watch = _Watch(cluster, kind.path(namespace), selectors(labels, fields), metadata_only, silence)
    pause = _PAUSES[0]
    while True:
        try:
            async with aclosing(watch.run()) as events:
                async for event in events:
                    yield event
            pause = _PAUSES[0]
            await asyncio.sleep(pause)  # no change is missed: the next run continues from the last version
        except ClusterError as error:
            if not isinstance(error, Gone):
                logger.warning("the watch of %s broke, it begins again in %.1f s: %s", kind.plural, pause, error)
            if error.status:
                watch.version = None
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(2 * pause, _PAUSES[1])


async def current(
    cluster: WatchSource, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
) -> AsyncIterator[Mapping[str, Object]]:
    """All objects that the selectors choose, by `namespace/name`: first when all are known, then after each change."""
    objects: dict[str, Object] = {}
    synced = False
    async for what, key, item in changes(cluster, kind, namespace, labels=labels, fields=fields):
        if what is What.SET:
            objects[key] = item
        elif what is What.DELETED:
            objects.pop(key, None)
        else:
            synced = what is What.SYNCED
        if synced:
            yield dict(objects)


def key_of(item: Object) -> str:
    """`namespace/name`."""
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


class _Watch:
    """`version` is the resourceVersion up to which all changes were yielded; None: the objects must be listed."""

    def __init__(
        self, cluster: WatchSource, path: str, query: Mapping[str, str], metadata_only: bool, silence: float
    ) -> None:
        self.version: str | None = None
        self._cluster = cluster
        self._path = path
        self._query = query
        self._metadata_only = metadata_only
        self._silence = silence
        self._known: dict[str, Object] = {}

    async def run(self) -> AsyncGenerator[Change, None]:
        """Changes until the server ends the connection or is silent. Raises ClusterError."""
        if self.version is None:
            page = await self._cluster.list_page(self._path, self._query, self._metadata_only)
            for change in self._listed(page):
                yield change
            self.version = page["metadata"]["resourceVersion"]
        lines = self._cluster.watch_lines(self._path, self._watch_query(), self._metadata_only, self._silence)
        try:
            async for line in lines:
                if (event := self._event(line)) is not None:
                    yield event
        finally:
            if isinstance(lines, AsyncGenerator):
                await lines.aclose()  # the connection is closed now, not when the generator is collected

    def _watch_query(self) -> dict[str, str]:
        watch = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_SERVER_TIMEOUT),
            "resourceVersion": self.version or "",
        }
        return {**self._query, **watch}

    def _listed(self, page: Object) -> list[Change]:
        """What a list changes, objects included that were deleted while nobody watched."""
        present = {key_of(item): item for item in page["items"]}
        deleted = [key for key in self._known if key not in present]
        gone = [Change(What.DELETED, key, self._known[key]) for key in deleted]
        self._known = present
        return [
            Change(What.LISTING, "", {}),
            *gone,
            *(Change(What.SET, key, item) for key, item in present.items()),
            Change(What.SYNCED, "", {}),
        ]

    def _event(self, line: bytes) -> Change | None:
        """The change that a line of the answer reports; None for a bookmark. Raises ClusterError."""
        try:
            event = msgspec.json.decode(line)
        except ValueError as error:
            raise ClusterError(str(error)) from error
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            raise Gone(item.get("message", "the watch failed"), item.get("code", _GONE))
        self.version = item["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":  # it has only a version, and no name
            return None
        key = key_of(item)
        if kind == "DELETED":
            self._known.pop(key, None)
            return Change(What.DELETED, key, item)
        self._known[key] = item
        return Change(What.SET, key, item)
