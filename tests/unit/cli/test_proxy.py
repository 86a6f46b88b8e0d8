import pytest

from tests.unit.cli.parsing import parsed
from tyrex_pool.cli import proxy
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.hosting.proxy_options import FollowedPool, ListedRuntimes, ProxyOptions
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.service import Address

SERVER = ServerOptions("proxy", Address("0.0.0.0", 8080, 9090))
LISTED = ["--runtime", "http://a:1", "--runtime", "unix:/b"]
ENDPOINTS = (Endpoint("a", 1), Endpoint("localhost", 0, "/b"))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        pytest.param(LISTED, ProxyOptions(SERVER, ListedRuntimes(ENDPOINTS)), id="list"),
        pytest.param(
            [*LISTED, "p.yaml", "--strategy", "Hash", "--workers", "4"],
            ProxyOptions(SERVER, ListedRuntimes(ENDPOINTS, "p.yaml", "Hash"), 4),
            id="list, manifest, strategy, workers",
        ),
        pytest.param(
            ["--pool", "web", "--namespace", "prod", "--workers", "2"],
            ProxyOptions(SERVER, FollowedPool("prod", "web"), 2),
            id="a TyrexPool",
        ),
        pytest.param(
            [*LISTED, "--port", "0", "--access-log"],
            ProxyOptions(ServerOptions("proxy", Address("0.0.0.0", 0, 9090), True), ListedRuntimes(ENDPOINTS)),
            id="server",
        ),
    ],
)
def test_options(words: list[str], options: ProxyOptions) -> None:
    assert proxy.options(parsed(proxy, *words)) == options


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param([], "pass --runtime URL, or --pool NAME and --namespace NS in a cluster", id="nothing"),
        pytest.param(["--pool", "web"], "pass --pool NAME and --namespace NS together", id="no namespace"),
        pytest.param(["--namespace", "prod"], "pass --pool NAME and --namespace NS together", id="no pool"),
        pytest.param(
            ["--pool", "web", "--namespace", "prod", "p.yaml", "--strategy", "Hash"],
            "leave out FILE and --strategy: with --pool all of that comes from the TyrexPool",
            id="both",
        ),
        pytest.param(
            ["--runtime", "ftp://a"], "--runtime: write http://HOST:PORT or unix:/PATH, not 'ftp://a'", id="URL"
        ),
        pytest.param(
            ["--runtime", "http://127.0.0.1:0"], "--runtime: write http://HOST:PORT or unix:/PATH", id="port 0"
        ),
        pytest.param([*LISTED, "-", "--workers", "2"], "write the manifest to a file, or leave out --workers", id="-"),
        pytest.param([*LISTED, "--workers", "2", "--socket", "/s"], "leave out --socket, or --workers", id="socket"),
    ],
)
def test_what_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(BadInput) as refusal:
        proxy.options(parsed(proxy, *words))
    assert str(refusal.value).startswith(message)
