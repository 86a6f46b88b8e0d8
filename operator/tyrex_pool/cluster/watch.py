"""Watches that do not end: they list, follow, and begin anew whenever a connection breaks or history is lost."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping
from enum import Enum
from typing import Final, NamedTuple

import aiohttp
import msgspec

from tyrex_pool.cluster.access import Cluster, ClusterError, Gone, Object, selectors
from tyrex_pool.model.kinds import Kind

_SERVER_TIMEOUT: Final = 240
"""Seconds after which the API server ends a watch, which then goes on where it was."""
SILENCE: Final = 100.0
"""Seconds without a byte after which a connection is dead: a bookmark comes every minute, where the server has them."""
_PAUSES: Final = (0.1, 5.0)
"""The shortest and longest pause before another try, in seconds."""

logger = logging.getLogger("tyrex_pool")


class What(Enum):
    SET = "set"
    """It is there, as the object says."""
    DELETED = "deleted"
    LISTING = "listing"
    """What follows, until SYNCED, is everything that is there."""
    SYNCED = "synced"
    """Everything that is there has been told."""


class Change(NamedTuple):
    what: What
    key: str
    """`namespace/name`."""
    object: Object


async def changes(
    cluster: Cluster,
    kind: Kind,
    namespace: str | None,
    *,
    labels: str | None = None,
    fields: str | None = None,
    metadata_only: bool = False,
    silence: float = SILENCE,
) -> AsyncIterator[Change]:
    """What is there, and what becomes of it, for ever; trouble is logged and tried again."""
    query = selectors(labels, fields)
    path = kind.path(namespace)
    known: dict[str, Object] = {}
    """What a list is compared with, and what DELETED tells of what went unseen."""
    pause = _PAUSES[0]
    version: str | None = None
    while True:
        try:
            if version is None:
                page = await cluster.list_page(path, query, metadata_only)
                async for change in _listed(page, known):
                    yield change
                version = page["metadata"]["resourceVersion"]
            async for seen, news in _followed(cluster, path, query, version, metadata_only, silence, known):
                version = seen
                if news is not None:
                    yield news
            pause = _PAUSES[0]
            await asyncio.sleep(pause)  # nothing is missed: it goes on from the last version
        except ClusterError as error:
            if not isinstance(error, Gone):
                logger.warning("the watch of %s broke, it begins again in %.1f s: %s", kind.plural, pause, error)
            version = None if error.status else version
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(2 * pause, _PAUSES[1])


async def _listed(page: Object, known: dict[str, Object]) -> AsyncIterator[Change]:
    yield Change(What.LISTING, "", {})
    present = {key_of(item): item for item in page["items"]}
    for key in [key for key in known if key not in present]:
        yield Change(What.DELETED, key, known.pop(key))
    for key, item in present.items():
        known[key] = item
        yield Change(What.SET, key, item)
    yield Change(What.SYNCED, "", {})


async def _followed(
    cluster: Cluster,
    path: str,
    query: Mapping[str, str],
    version: str,
    metadata_only: bool,
    silence: float,
    known: dict[str, Object],
) -> AsyncIterator[tuple[str, Change | None]]:
    """Changes after `version`, each with its own version, until the connection ends."""
    more = {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(_SERVER_TIMEOUT),
        "resourceVersion": version,
    }
    response = await cluster.stream(path, {**query, **more}, metadata_only, silence)
    try:
        while line := await response.content.readline():
            event = msgspec.json.decode(line)
            item = event["object"]
            if event["type"] == "ERROR":
                raise Gone(item.get("message", "the watch failed"), item.get("code", 410))
            version = item["metadata"]["resourceVersion"]
            yield version, _told(event["type"], item, known)
    except TimeoutError:
        return  # where nothing happens and bookmarks are off, silence is all there is
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ClusterError(f"{str(error) or type(error).__name__}") from error
    finally:
        response.close()


def _told(kind: str, item: Object, known: dict[str, Object]) -> Change | None:
    if kind == "BOOKMARK":  # only a version: it has no name
        return None
    key = key_of(item)
    if kind == "DELETED":
        known.pop(key, None)
        return Change(What.DELETED, key, item)
    known[key] = item
    return Change(What.SET, key, item)


async def current(
    cluster: Cluster, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
) -> AsyncIterator[Mapping[str, Object]]:
    """All that is there, by `namespace/name`: once when it is known, and again after each change."""
    there: dict[str, Object] = {}
    synced = False
    async for what, key, item in changes(cluster, kind, namespace, labels=labels, fields=fields):
        if what is What.SET:
            there[key] = item
        elif what is What.DELETED:
            there.pop(key, None)
        elif what in (What.LISTING, What.SYNCED):
            synced = what is What.SYNCED
        if synced:
            yield dict(there)


def key_of(item: Object) -> str:
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"
