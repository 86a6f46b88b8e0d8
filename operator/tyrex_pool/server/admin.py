"""The admin port: is it alive, is it ready and if not why, what has it counted."""

from tyrex_pool.model import names
from tyrex_pool.model.wire import encode_json
from tyrex_pool.server.api import Backend
from tyrex_pool.server.http import Connection, Routes
from tyrex_pool.server.messages import Request, head
from tyrex_pool.server.metrics import Metrics

BODY_LIMIT = 4096
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Admin:
    """Handlers of the admin port; `routes` is what a listener wants."""

    def __init__(self, backend: Backend, metrics: Metrics) -> None:
        self._backend = backend
        self._metrics = metrics
        self.draining = False
        self.routes: Routes = {
            names.PATH_HEALTH.encode(): {b"GET": self._healthy},
            names.PATH_READY.encode(): {b"GET": self._ready},
            names.PATH_METRICS.encode(): {b"GET": self._show_metrics},
        }

    def _healthy(self, connection: Connection, request: Request) -> None:
        connection.respond(head(200, names.TYPE_JSON), b'{"healthy":true}')

    def _ready(self, connection: Connection, request: Request) -> None:
        ready = self._backend.ready and not self.draining
        reason = "the server is draining" if self.draining else self._backend.reason
        body = encode_json({"ready": ready, "reason": None if ready else reason})
        connection.respond(head(200 if ready else 503, names.TYPE_JSON), body)

    def _show_metrics(self, connection: Connection, request: Request) -> None:
        connection.respond(head(200, _METRICS_TYPE), self._metrics.text())
