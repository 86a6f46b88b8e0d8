"""The hosts and origins that a server takes, by the addresses that it listens on and by --allowed-host."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.local.commands import Command, command
from tests.local.serving import HELLO

EVIL = "https://evil.example"


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Command]:
    manifest = folder / "pool.yaml"
    manifest.write_text(HELLO)
    with command("serve", str(manifest), "--port", "0", "--admin-port", "0", *options) as running:
        yield running


def statuses(running: Command, host: str, **headers: str) -> tuple[int, int]:
    """Of the public and of the admin port."""
    ports = (urlsplit(running.facts[name]).port for name in ("url", "admin"))
    public, admin = (
        httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Host": host, **headers}, trust_env=False).status_code
        for port, path in zip(ports, ("/v1/pool", "/healthz"), strict=True)
    )
    return public, admin


def test_allowed_hosts(tmp_path: Path) -> None:
    with serving(tmp_path, "--allowed-host", "pool.example", "--allowed-host", "Other.Example") as running:
        for host in ("pool.example", "POOL.example:81", "pool.example.", "other.example", "localhost"):
            assert statuses(running, host) == (200, 200)
        for host in ("evil.example", "a.pool.example", "xpool.example"):
            assert statuses(running, host) == (421, 421)
        assert statuses(running, "localhost", Origin="https://pool.example") == (200, 200)
        assert statuses(running, "localhost", Origin=EVIL) == (403, 403)


def test_a_listener_on_all_addresses_takes_any_host(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as running:
        for host in ("evil.example", "10.0.0.7:8080", "hello.default.svc", "localhost"):
            assert statuses(running, host) == (200, 200)
        assert statuses(running, "hello.default.svc", Origin=EVIL) == (403, 403)
        assert statuses(running, "hello.default.svc", Origin="http://hello.default.svc") == (200, 200)


def test_a_listener_on_all_addresses_with_allowed_hosts(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0", "--allowed-host", "10.0.0.7") as running:
        assert statuses(running, "10.0.0.7:8080") == statuses(running, "127.0.0.1") == (200, 200)
        assert statuses(running, "evil.example") == (421, 421)


def test_a_unix_socket_takes_any_host(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with serving(tmp_path, "--socket", path), httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        assert client.get("http://any.example/v1/pool").status_code == 200
        assert client.get("http://any.example/v1/pool", headers={"Origin": EVIL}).status_code == 403
