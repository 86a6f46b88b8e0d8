"""HAProxy and Envoy as proxies before given runtimes: one thread, connections kept on both sides, nothing logged."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench import peers
from tests.bench.processes import server
from tests.bench.targets import PROXY, Running, ports, url
from tyrex_pool.model.names import HEADER_KEY

_HAPROXY = """\
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen bench
  bind 127.0.0.1:{port}
  {balance}
{servers}
"""
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_BALANCE = {False: "balance roundrobin", True: f"balance hdr({HEADER_KEY})\n  hash-type consistent"}


@contextmanager
def haproxy(runtimes: Sequence[str], core: int | None = None, by_key: bool = False) -> Iterator[Running]:
    """`by_key`: consistent hashing of the header that our Hash reads."""
    (port,) = ports(1)
    servers = "\n".join(f"  server s{number} {urlsplit(each).netloc}" for number, each in enumerate(runtimes))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "haproxy.cfg")
        file.write_text(_HAPROXY.format(port=port, balance=_BALANCE[by_key], servers=servers))
        with server([peers.haproxy(), "-db", "-q", "-f", str(file)], url(port), core) as pid:
            yield Running(url(port), {pid: PROXY})


@contextmanager
def envoy(runtimes: Sequence[str], core: int | None = None, by_key: bool = False) -> Iterator[Running]:
    """`by_key`: its ring hash of the header that our Hash reads."""
    (port,) = ports(1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "envoy.json")
        file.write_text(json.dumps(_envoy(port, runtimes, by_key)))
        quiet = ["--log-level", "error", "--disable-hot-restart"]
        with server([peers.envoy(), "--concurrency", "1", *quiet, "-c", str(file)], url(port), core) as pid:
            yield Running(url(port), {pid: PROXY})


def _envoy(port: int, runtimes: Sequence[str], by_key: bool) -> dict[str, Any]:
    """Its bootstrap. What it does beside passing on, and can leave out, is left out."""
    route: dict[str, Any] = {"cluster": "runtimes", "timeout": "60s"}
    if by_key:
        route["hash_policy"] = [{"header": {"header_name": HEADER_KEY}}]
    router = {
        "@type": f"{_FILTERS}.http.router.v3.Router",
        "suppress_envoy_headers": True,
    }
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "generate_request_id": False,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}],
        }]},
    }  # fmt: skip
    endless = {"max_connections": 9000, "max_pending_requests": 9000, "max_requests": 9000}
    return {
        "static_resources": {
            "listeners": [{
                "address": _address("127.0.0.1", port),
                "filter_chains": [
                    {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
                ],
            }],
            "clusters": [{
                "name": "runtimes",
                "type": "STATIC",
                "lb_policy": "RING_HASH" if by_key else "ROUND_ROBIN",
                "circuit_breakers": {"thresholds": [endless]},
                "load_assignment": {
                    "cluster_name": "runtimes",
                    "endpoints": [{"lb_endpoints": [
                        {"endpoint": {"address": _address(each.hostname or "", each.port or 80)}}
                        for each in map(urlsplit, runtimes)
                    ]}],
                },
            }],
        }
    }  # fmt: skip


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
