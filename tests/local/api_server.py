"""As much of an API server as a proxy needs: lists and watches of objects that a test creates, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tyrex_pool.model.kinds import Kind

Object = dict[str, Any]
Query = dict[str, str]
NAMESPACE = "web"


class Event(NamedTuple):
    version: int
    path: str
    type: str
    object: Object


class ApiServer:
    """Objects of the namespace `web`; `forbidden` kinds are refused with 403."""

    def __init__(self) -> None:
        self.forbidden: set[Kind] = set()
        self._objects: dict[tuple[str, str], Object] = {}
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._over = False
        self._oldest = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def put(self, kind: Kind, name: str, labels: dict[str, str] | None = None, **members: Any) -> int:
        """Create or change an object. Returns its generation."""
        with self._changed:
            version = len(self._events) + 1
            key = (kind.path(NAMESPACE), name)
            metadata: Object = {"name": name, "namespace": NAMESPACE, "uid": name, "labels": labels or {}}
            metadata |= {"generation": version, "resourceVersion": str(version)}
            self._record(key, "MODIFIED" if key in self._objects else "ADDED", {"metadata": metadata} | members)
            return version

    def remove(self, kind: Kind, name: str) -> None:
        with self._changed:
            key = (kind.path(NAMESPACE), name)
            gone = self._objects[key]
            metadata = gone["metadata"] | {"resourceVersion": str(len(self._events) + 1)}
            self._record(key, "DELETED", gone | {"metadata": metadata})

    def forget(self) -> None:
        """Lose the history: watches end, and cannot be continued."""
        with self._changed:
            self._oldest = len(self._events) + 1
            self._changed.notify_all()

    def spoil(self, kind: Kind) -> None:
        """Send an event to the watches of `kind` whose object is malformed."""
        with self._changed:
            self._events.append(Event(len(self._events) + 1, kind.path(NAMESPACE), "MODIFIED", {"metadata": {}}))
            self._changed.notify_all()

    def _record(self, key: tuple[str, str], type: str, item: Object) -> None:
        self._objects[key] = item
        if type == "DELETED":
            del self._objects[key]
        self._events.append(Event(len(self._events) + 1, key[0], type, item))
        self._changed.notify_all()

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig of this server. Returns its path."""
        host, port = self._server.server_address[:2]
        server = {"server": f"http://{host!s}:{port}"}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": server}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody", "namespace": NAMESPACE}}],
            "users": [{"name": "nobody", "user": {}}],
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(document))
        return file

    def listed(self, path: str, query: Query) -> Object:
        with self._changed:
            self._oldest = min(self._oldest, len(self._events) + 1)
            items = [item for (where, _), item in self._objects.items() if where == path and _matches(item, query)]
            return {"metadata": {"resourceVersion": str(len(self._events))}, "items": items}

    def watched(self, path: str, query: Query) -> Iterator[Object]:
        """A bookmark, then the events of the objects that `query` chooses, until the server is closed."""
        seen = int(query["resourceVersion"])
        if seen + 1 < self._oldest:
            yield {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
            return
        yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(seen)}}}
        while events := self._after(seen):
            seen = events[-1].version
            for event in events:
                if event.path == path and _matches(event.object, query):
                    yield {"type": event.type, "object": event.object}

    def _after(self, version: int) -> list[Event]:
        """Waits for events after `version`; none when the server is closed or the history is lost."""
        with self._changed:
            lost = self._oldest
            self._changed.wait_for(lambda: self._over or self._oldest != lost or len(self._events) > version)
            return [] if self._over or self._oldest != lost else self._events[version:]

    def close(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                if any(kind.path(NAMESPACE) == parts.path for kind in api.forbidden):
                    self._answer(403, {"kind": "Status", "message": f"{parts.path} is forbidden", "code": 403})
                elif "watch" in query:
                    self._stream(api.watched(parts.path, query))
                else:
                    self._answer(200, api.listed(parts.path, query))

            def _answer(self, status: int, document: Object) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _stream(self, events: Iterator[Object]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for event in events:
                        line = json.dumps(event).encode() + b"\n"
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                    self.wfile.write(b"0\r\n\r\n")
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _matches(item: Object, query: Query) -> bool:
    name = query.get("fieldSelector", "").removeprefix("metadata.name=")
    if not item["metadata"]:
        return True  # malformed
    if name and item["metadata"]["name"] != name:
        return False
    label, _, wanted = query.get("labelSelector", "").partition("=")
    return not label or item["metadata"]["labels"].get(label) == wanted
