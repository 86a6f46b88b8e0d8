"""The operator's access to a `FakeApiServer`: logs every write, fails when a test says so, and serves watches."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.controller.fake_api_server import FakeApiServer, Stored, chosen
from tyrex_pool.cluster import watch
from tyrex_pool.cluster.errors import ClusterError, ClusterUnavailable, Gone, NotFound
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.cluster.watch import Change
from tyrex_pool.model.kinds import BY_NAME, EVENT, Kind

_PATH = re.compile(r"/(?:api|apis)/(?P<api>v1|[^/]+/v[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)$")
_KINDS = {(kind.api_version, kind.plural): kind for kind in BY_NAME.values()}


@dataclass
class Failure:
    """The next `times` requests whose text (`apply Deployment p-proxy`) begins with `request` raise `error`."""

    request: str
    error: Exception
    times: int = 1


@dataclass(eq=False)
class _Watcher:
    """One open watch. A line that is None ends it cleanly, an exception breaks it."""

    kind: Kind
    namespace: str | None
    labels: str | None
    fields: str | None
    metadata_only: bool
    lines: "asyncio.Queue[bytes | ClusterError | None]" = field(default_factory=asyncio.Queue)

    def see(self, stored: Stored) -> None:
        before, after = (item if item and self._sees(stored, item) else None for item in (stored.before, stored.after))
        item = after or before
        if item is not None:
            kind = "DELETED" if after is None else "ADDED" if before is None else "MODIFIED"
            metadata = {**item["metadata"], "resourceVersion": str(stored.version)}
            self.send(kind, {"metadata": metadata} if self.metadata_only else {**item, "metadata": metadata})

    def send(self, kind: str, item: Object) -> None:
        self.lines.put_nowait(json.dumps({"type": kind, "object": item}).encode())

    def _sees(self, stored: Stored, item: Object) -> bool:
        here = stored.place.kind == self.kind and self.namespace in (None, stored.place.namespace)
        return here and chosen(item, self.labels, self.fields)


class FakeCluster:
    """Implements ClusterApi, and what `cluster.watch` reads from. `down`: no request is answered; `seconds` is what one
    takes in a namespace.

    `log` has every write in order, as `apply Deployment p-proxy`; `watched` every watch that was begun.
    """

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server
        self.log: list[str] = []
        self.bodies: list[Mapping[str, Any]] = []
        """Of the writes in `log`; empty for a deletion, but for `grace`."""
        self.watched: list[str] = []
        self.missing: set[Kind] = set()
        """Kinds that the API server does not know."""
        self.down = False
        self.seconds: Callable[[str], float] = lambda namespace: 0.0
        self._failures: list[Failure] = []
        self._watchers: list[_Watcher] = []
        server.subscribers.append(self._publish)

    def take_log(self) -> list[str]:
        """The writes since the last call, without events."""
        taken = [line for line in self.log if not line.startswith(f"create {EVENT.name}")]
        self.log.clear()
        self.bodies.clear()
        return taken

    def fail(self, request: str, error: Exception, times: int = 1) -> None:
        self._failures.append(Failure(request, error, times))

    def heal(self) -> None:
        """No request fails any more."""
        self._failures.clear()

    # Requests

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        await self._request("get", kind, name, namespace=namespace)
        return self.server.find(kind, name, namespace or "")

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        await self._request("list", kind, namespace=namespace)
        return [item for item in self.server.select(kind, namespace, labels) if chosen(item, None, fields)]

    async def apply(self, manifest: Mapping[str, Any], *, subresource: str | None = None) -> Object:
        kind = BY_NAME[manifest["apiVersion"], manifest["kind"]]
        verb = "apply" if subresource is None else f"apply {subresource} of"
        await self._request(verb, kind, manifest["metadata"]["name"], manifest, manifest["metadata"]["namespace"])
        return self.server.apply(manifest, "status" if subresource else None)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object | None:
        await self._request("merge", kind, name, patch, namespace)
        if self.server.find(kind, name, namespace) is None:
            return None
        return self.server.merge(kind, name, patch, namespace)

    async def create(self, kind: Kind, namespace: str, manifest: Mapping[str, Any]) -> Object:
        await self._request("create", kind, manifest["metadata"]["name"], manifest, namespace)
        return self.server.create(manifest)

    async def replace(self, kind: Kind, namespace: str, name: str, manifest: Mapping[str, Any]) -> Object:
        await self._request("replace", kind, name, manifest, namespace)
        return self.server.replace(kind, name, manifest, namespace)

    async def delete(self, kind: Kind, namespace: str, name: str, *, grace: int | None = None) -> bool:
        verb = "delete" if grace is None else f"delete within {grace} s"
        await self._request(verb, kind, name, {}, namespace)
        if self.server.find(kind, name, namespace) is None:
            return False
        self.server.delete(kind, name, namespace, grace)
        return True

    async def _request(
        self,
        verb: str,
        kind: Kind,
        name: str | None = None,
        body: Mapping[str, Any] | None = None,
        namespace: str | None = None,
    ) -> None:
        """Every request passes here. Raises ClusterError. A write that fails is not in the log."""
        await asyncio.sleep(self.seconds(namespace or ""))  # others run meanwhile, as they do during a real request
        request = " ".join(filter(None, (verb, kind.name, name)))
        if self.down:
            raise ClusterUnavailable("the API server does not answer: connection refused")
        for failure in self._failures:
            if failure.times and request.startswith(failure.request):
                failure.times -= 1
                raise failure.error
        if kind in self.missing:
            raise NotFound("the server could not find the requested resource", 404)
        if body is not None:
            self.log.append(request)
            self.bodies.append(body)

    # Watches

    def changes(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[Change]:
        """The operator's own watch, over this cluster."""
        return watch.changes(self, kind, namespace, labels=labels, fields=fields, metadata_only=metadata_only)

    async def list_page(self, path: str, query: Mapping[str, str], metadata_only: bool) -> Object:
        kind, namespace = _parsed(path)
        items = await self.list(kind, namespace, labels=query.get("labelSelector"), fields=query.get("fieldSelector"))
        if metadata_only:
            items = [{"metadata": item["metadata"]} for item in items]
        return {"metadata": {"resourceVersion": str(self.server.version)}, "items": items}

    async def watch_lines(
        self, path: str, query: Mapping[str, str], metadata_only: bool, silence: float
    ) -> AsyncGenerator[bytes, None]:
        """Ends when the connection ends. Raises ClusterError when it breaks, Gone when the version is too old."""
        kind, namespace = _parsed(path)
        version = int(query["resourceVersion"])
        await self._request("watch", kind)
        self.watched.append(f"{kind.plural} from {version}")
        if version < self.server.oldest:
            raise Gone(f"too old resource version: {version}", 410)
        watcher = _Watcher(kind, namespace, query.get("labelSelector"), query.get("fieldSelector"), metadata_only)
        for stored in self.server.history:
            if stored.version > version:
                watcher.see(stored)
        self._watchers.append(watcher)
        try:
            while (line := await watcher.lines.get()) is not None:
                if isinstance(line, ClusterError):
                    raise line
                yield line
        finally:
            self._watchers.remove(watcher)

    def end_watches(self, error: ClusterError | None = None) -> None:
        """Every open watch ends, or breaks with `error`."""
        for watcher in self._watchers:
            watcher.lines.put_nowait(error)

    def expire_watches(self) -> None:
        """The version of every open watch is too old, and no older version can be watched."""
        self.server.forget_history()
        self.send_error(410, "too old resource version")

    def send_error(self, code: int, message: str) -> None:
        """Every open watch gets an event of type ERROR."""
        for watcher in self._watchers:
            watcher.send("ERROR", {"kind": "Status", "code": code, "message": message})

    def send_bookmarks(self) -> None:
        """Every open watch gets the present version, as an API server sends it once a minute."""
        for watcher in self._watchers:
            watcher.send(
                "BOOKMARK", {"kind": watcher.kind.name, "metadata": {"resourceVersion": str(self.server.version)}}
            )

    @property
    def open_watches(self) -> int:
        return len(self._watchers)

    def _publish(self, stored: Stored) -> None:
        for watcher in self._watchers:
            watcher.see(stored)


def _parsed(path: str) -> tuple[Kind, str | None]:
    match = _PATH.fullmatch(path)
    assert match is not None, path
    return _KINDS[match["api"], match["plural"]], match["namespace"]
