import pytest

from tyrex_pool.server.remote.discovery import Endpoint


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://a:1", Endpoint("a", 1)),
        ("http://a", Endpoint("a", 80)),
        ("HTTP://A:1", Endpoint("a", 1)),
        ("http://a:/", Endpoint("a", 80)),
        ("http://a:65535/", Endpoint("a", 65_535)),
        ("http://[::1]:8080", Endpoint("::1", 8080)),
        ("unix:/run/a", Endpoint("localhost", 0, "/run/a")),
        ("unix:///run/a", Endpoint("localhost", 0, "/run/a")),
    ],
)
def test_what_names_a_server(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:0",
        "http://127.0.0.1:00",
        "http://a:65536",
        "http://a:-1",
        "http://a:b",
        "http://:80",
        "http://",
        "http://[::1",
        "http://a b",
        "http://user:password@a:80",
        "http://a/path",
        "http://a?b",
        "http://a#b",
        "https://a",
        "a:80",
        "",
        "unix:",
        "unix:a",
        "unix://a",
    ],
)
def test_what_names_none(url: str) -> None:
    with pytest.raises(ValueError, match="write http://HOST:PORT or unix:/PATH, not"):
        Endpoint.parse(url)
