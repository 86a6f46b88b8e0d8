"""A pool that answers what it is told: a real HTTP server on a port of its own."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What to answer; `status` 0 breaks the connection instead, -1 waits for the end of the test."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """A request that came in."""

    method: str
    path: str
    content_type: str | None
    body: Any
    authorization: str | None = None


def _read(body: bytes, content_type: str | None) -> Any:
    """The JSON in `body`; a list of those in the lines of a batch."""
    if content_type == "application/x-ndjson":
        return [json.loads(line) for line in body.splitlines()]
    return json.loads(body) if body else None


class ScriptedPool:
    """Answers with `script` in turn, and keeps what was asked in `seen`."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.seen: list[Seen] = []
        self.over = threading.Event()
        pool = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                content_type = self.headers.get("Content-Type")
                document = _read(body, content_type)
                seen = Seen(self.command, self.path, content_type, document, self.headers.get("Authorization"))
                pool.seen.append(seen)
                reply = pool.script.pop(0)
                if reply.status < 0:
                    pool.over.wait(60)
                if reply.status <= 0:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
