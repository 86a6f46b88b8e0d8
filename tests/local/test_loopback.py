"""Denied loopback means every way to this machine, however the address is written; a GPU is never there."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.local.conftest import Start

WAYS = (
    "127.0.0.1", "localhost", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]",
    "[::ffff:7f00:1]", "[::ffff:0:0]", "[0:0:0:0:0:0:0:1]", "127.1", "127.0.0.2", "127.255.255.254", "2130706433",
    "0x7f000001", "017700000001", "localhost.", "LOCALHOST",
)  # fmt: skip
TRY = """Promise.all(WAYS.map(async (host) => {
  const hostname = host.replace(/^\\[|\\]$/g, '');
  const tried = await Promise.allSettled([
    fetch(`http://${host}:PORT/`).then((answer) => answer.text()),
    Deno.connect({ hostname, port: PORT }).then((connection) => connection.close()),
    import('node:net').then((net) => new Promise((ok, no) => {
      const socket = net.connect(PORT, hostname);
      socket.on('connect', () => { socket.destroy(); ok() });
      socket.on('error', no);
    })),
  ]);
  return tried.some((one) => one.status === 'fulfilled') ? host : null;
})).then((reached) => reached.filter((host) => host !== null))"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


def reached(start: Start, port: int, **permissions: Any) -> list[str]:
    ways: list[str] = start(size=1, permissions=permissions).eval(
        TRY.replace("WAYS", str(list(WAYS))).replace("PORT", str(port)), timeoutMs=20_000
    )
    return ways


@pytest.mark.parametrize(
    "denied", [["127.0.0.1"], ["localhost"], ["[::1]"], ["0.0.0.0"], ["127.0.0.1", "localhost", "[::1]"]], ids=str
)
@pytest.mark.parametrize("granted", [{"allow": {"net": ["*"]}}, {"default": "AllowAll"}], ids=["net", "AllowAll"])
def test_denied(start: Start, port: int, granted: dict[str, Any], denied: list[str]) -> None:
    assert reached(start, port, **granted, deny={"net": denied}) == []


def test_denied_with_a_port(start: Start, port: int) -> None:
    found = reached(start, port, allow={"net": ["*"]}, deny={"net": [f"localhost:{port}"]})
    assert set(found) <= {"127.0.0.2", "127.255.255.254"}, "a subnet takes no port: docs/permissions.md"
    assert "127.0.0.1" in reached(start, port, allow={"net": ["*"]}, deny={"net": [f"localhost:{port + 1}"]})


def test_granted(start: Start, port: int) -> None:
    assert {"127.0.0.1", "0.0.0.0", "127.0.0.2"} <= set(reached(start, port, allow={"net": ["*"]}))


@pytest.mark.parametrize("permissions", [{}, {"default": "AllowAll"}], ids=["None", "AllowAll"])
def test_there_is_no_gpu(start: Start, permissions: dict[str, Any]) -> None:
    pool = start(size=1, permissions=permissions)
    for options in ("", "{powerPreference: 'low-power'}", "{forceFallbackAdapter: true}"):
        assert pool.eval(f"navigator.gpu.requestAdapter({options})") is None
