"""What a client's URL may be, and which proxy of the environment holds for it."""

from typing import Any

import pytest

from tyrex_pool.client import AsyncClient, Client
from tyrex_pool.client.address import Address, parse_address
from tyrex_pool.model.errors import InvalidRequest


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a", Address("http://a", "http://a")),
        ("http://a/", Address("http://a/", "http://a")),
        ("http://a:80/prefix//", Address("http://a:80/prefix//", "http://a:80/prefix")),
        ("https://user:word@a/b", Address("https://user:word@a/b", "https://user:word@a/b")),
        ("http://[::1]:8080", Address("http://[::1]:8080", "http://[::1]:8080")),
        ("unix:/run/a.sock", Address("unix:/run/a.sock", "http://localhost", socket="/run/a.sock")),
        ("unix:///run/a.sock", Address("unix:///run/a.sock", "http://localhost", socket="/run/a.sock")),
        ("unix:/with space/ü?#", Address("unix:/with space/ü?#", "http://localhost", socket="/with space/ü?#")),
    ],
)
def test_urls(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


NO_URL = r"write a URL such as http://render\.web\.svc or unix:/run/render\.sock, not "


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        *((url, NO_URL) for url in ("render.web.svc", "ftp://a", "http://", "", "http://a:b", "/v1/eval", "a.b:80")),
        *((url, NO_URL) for url in ("http://a b", "http://a..b", "http://.", f"http://{'a' * 64}", "http://a.b..")),
        *(
            (url, "write a port from 1 to 65535 in the URL")
            for url in ("http://a:0", "http://a:65536", "https://a:-1", "http://[::1]:99999", f"http://a:{10**12}")
        ),
        *(
            (url, "without a query and a fragment")
            for url in ("http://a?x=1", "http://a/?", "http://a/b?c#d", "http://a#x", "http://a/#", "https://a/v1?k=v")
        ),
        *(
            (url, r"write unix:/PATH with the absolute path")
            for url in ("unix:", "unix:a.sock", "unix://a.sock", "unix://host/a.sock", "unix:./a", "unix:/a\0b")
        ),
    ],
)
def test_urls_that_are_refused_at_once(kind: Any, url: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        kind(url)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("url", [None, b"http://a", 80, ["http://a"], object()])
def test_urls_of_the_wrong_type(kind: Any, url: Any) -> None:
    with pytest.raises(TypeError, match="url: write a str, not ") as refused:
        kind(url)
    assert isinstance(refused.value, InvalidRequest)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("retries", ["3", 3.0, None, True, False, b"3", [3], 1e20])
def test_retries_of_the_wrong_type(kind: Any, retries: Any) -> None:
    with pytest.raises(TypeError, match="retries: write a whole number such as 3, not ") as refused:
        kind("http://a", retries=retries)
    assert isinstance(refused.value, InvalidRequest)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("retries", [-1, -(10**30)])
def test_retries_below_0(kind: Any, retries: int) -> None:
    with pytest.raises(InvalidRequest, match="retries: write a whole number from 0 on"):
        kind("http://a", retries=retries)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_socket_and_an_http_client_of_ones_own(kind: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"leave out `http`, or give it transport=httpx\.HTTPTransport"):
        kind("unix:/a.sock", http=object())


PROXY = "http://user:secret@proxy:3128"


@pytest.mark.parametrize(
    ("url", "variables", "proxy"),
    [
        ("http://pool", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://pool", {"http_proxy": "proxy:3128"}, "http://proxy:3128"),
        ("https://pool", {"HTTP_PROXY": PROXY}, None),
        ("https://pool", {"HTTPS_PROXY": PROXY}, PROXY),
        ("http://pool", {"ALL_PROXY": PROXY}, PROXY),
        ("http://pool", {"ALL_PROXY": "http://other", "HTTP_PROXY": PROXY}, PROXY),
        ("http://pool", {"HTTP_PROXY": PROXY, "NO_PROXY": "pool"}, None),
        ("http://a.pool.svc", {"HTTP_PROXY": PROXY, "NO_PROXY": "x, .svc"}, None),
        ("http://10.1.2.3", {"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, None),
        ("http://10.1.2.3", {"HTTP_PROXY": PROXY, "NO_PROXY": "11.0.0.0/8"}, PROXY),
        ("http://pool", {"HTTP_PROXY": ""}, None),
        ("http://127.0.0.1:8080", {"HTTP_PROXY": PROXY}, None),
        ("http://127.8.9.10", {"ALL_PROXY": PROXY}, None),
        ("http://[::1]:8080", {"HTTP_PROXY": PROXY}, None),
        ("http://localhost", {"HTTP_PROXY": PROXY}, None),
        ("http://LOCALHOST.", {"HTTP_PROXY": PROXY}, None),
        ("http://pool.localhost", {"HTTP_PROXY": PROXY}, None),
        ("http://localhost.example", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://notlocalhost", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://128.0.0.1", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://localhost", {"HTTP_PROXY": "socks4://x"}, None),
    ],
)
def test_proxies(url: str, variables: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    address = parse_address(url)
    assert address.proxy == proxy
    assert ("through the proxy" in address.way) == (proxy is not None)
    assert "secret" not in address.way


@pytest.mark.parametrize("proxy", ["ftp://proxy", "socks4://proxy", "http://", "http://a:b", "://", "x://y"])
def test_a_proxy_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(InvalidRequest, match=r"the environment's proxy .*: correct HTTP_PROXY, .* NO_PROXY"):
        parse_address("http://pool")
    assert parse_address("http://pool", own_transport=True).proxy is None
