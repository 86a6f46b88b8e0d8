"""What a denial leaves of what is allowed."""

import pytest

from tyrex_pool.plan.denials import every_loopback, granted, refused


@pytest.mark.parametrize(
    ("kind", "allow", "deny", "left"),
    [
        pytest.param("read", ["/a", "/b"], [], ["/a", "/b"], id="nothing denied"),
        pytest.param("read", ["/a", "/b"], ["*"], [], id="all denied"),
        pytest.param("read", ["/a/f", "/b"], ["/a"], ["/b"], id="a folder"),
        pytest.param("read", ["/a"], ["/a"], [], id="itself"),
        pytest.param("read", ["/a/../b/f"], ["/b/"], [], id="a detour"),
        pytest.param("read", ["/ab"], ["/a"], ["/ab"], id="only alike"),
        pytest.param("read", ["/a"], ["/a/f"], ["/a"], id="a part is denied by Deno"),
        pytest.param("write", ["data/f"], ["/home/data"], [], id="relative to the folder"),
        pytest.param("write", ["/home/data/f"], ["data"], [], id="denied relative to the folder"),
        pytest.param("ffi", ["/lib/a.so"], ["/"], [], id="the root"),
        pytest.param("run", ["true", "/bin/true", "sh"], ["true"], ["sh"], id="a program by name"),
        pytest.param("run", ["true", "sh"], ["/usr/bin/true"], ["sh"], id="a program by path"),
        pytest.param("env", ["AWS_KEY", "LANG"], ["AWS_*"], ["LANG"], id="a prefix"),
        pytest.param("env", ["AWS_*"], ["AWS_KEY"], ["AWS_*"], id="one of a prefix is denied by Deno"),
        pytest.param("env", ["AWS_K*"], ["AWS_*"], [], id="a prefix of a prefix"),
        pytest.param("net", ["a.com:443", "b.com"], ["a.com"], ["b.com"], id="a host and its port"),
        pytest.param("net", ["a.com", "A.com:80"], ["a.com:80"], ["a.com"], id="one port"),
        pytest.param("net", ["x.a.com:443", "*.y.a.com", "b.com"], ["*.a.com"], ["b.com"], id="a wildcard"),
        pytest.param("net", ["xa.com"], ["*.a.com"], ["xa.com"], id="no subdomain"),
        pytest.param("net", ["10.1.2.3:80", "10.2.0.1"], ["10.1.0.0/16"], ["10.2.0.1"], id="a subnet"),
        pytest.param("net", ["10.1.2.0/24"], ["10.1.0.0/16"], [], id="a subnet in a subnet"),
        pytest.param("net", ["[::1]:80", "[::2]:80"], ["::1"], ["[::2]:80"], id="IPv6"),
        pytest.param("import", ["a.com:443"], ["a.com"], [], id="imports too"),
        pytest.param("sys", ["hostname", "loadavg"], ["hostname"], ["loadavg"], id="a name"),
    ],
)
def test_granted(kind: str, allow: list[str], deny: list[str], left: list[str]) -> None:
    assert list(granted(kind, tuple(allow), tuple(deny), "/home")) == left


@pytest.mark.parametrize(
    ("kind", "allow", "deny", "flags"),
    [
        pytest.param("net", ["*.a.com:443"], ["x.a.com"], ["x.a.com", "x.a.com:443"], id="with the allowed port"),
        pytest.param("net", ["*"], ["x.a.com"], ["x.a.com"], id="no port is named"),
        pytest.param("net", ["*.a.com:1", "b:2"], ["x:3", "::1"], ["x:3", "::1", "[::1]:1", "[::1]:2"], id="IPv6"),
        pytest.param("net", ["*.a.com:443"], ["10.0.0.0/8"], ["10.0.0.0/8"], id="a subnet"),
        pytest.param("net", ["*.a.com:443"], ["*"], ["*"], id="all"),
        pytest.param("read", ["/a"], ["/b"], ["/b"], id="no host"),
    ],
)
def test_refused(kind: str, allow: list[str], deny: list[str], flags: list[str]) -> None:
    assert list(refused(kind, tuple(allow), tuple(deny))) == flags


FORMS = ["127.0.0.0/8", "localhost", "[::1]", "0.0.0.0", "[::]"]
WITH_PORT = [f"{host}:80" for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]")]


@pytest.mark.parametrize(
    ("kind", "deny", "denied"),
    [
        *(pytest.param("net", [entry], [*dict.fromkeys([entry, *FORMS])], id=entry) for entry in FORMS),
        pytest.param("net", ["127.0.0.1"], ["127.0.0.1", *FORMS], id="an address"),
        pytest.param("net", ["127.9.9.9"], ["127.9.9.9", *FORMS], id="another address"),
        pytest.param("net", ["::1"], ["::1", *FORMS], id="IPv6 without brackets"),
        pytest.param("net", ["LOCALHOST."], ["LOCALHOST.", *FORMS], id="in capitals"),
        pytest.param("net", ["app.localhost"], ["app.localhost", *FORMS], id="a name below localhost"),
        pytest.param("net", ["127.0.0.1:80"], WITH_PORT, id="a port"),
        pytest.param("net", ["[::1]:80"], [*dict.fromkeys(["[::1]:80", *WITH_PORT])], id="IPv6 with a port"),
        pytest.param("net", ["10.0.0.0/8", "a.com"], ["10.0.0.0/8", "a.com"], id="other hosts"),
        pytest.param("net", ["*"], ["*"], id="all"),
        pytest.param("net", [], [], id="nothing"),
        pytest.param("import", ["localhost"], [*dict.fromkeys(["localhost", *FORMS])], id="imports too"),
        pytest.param("sys", ["localhost"], ["localhost"], id="no host"),
    ],
)
def test_every_loopback(kind: str, deny: list[str], denied: list[str]) -> None:
    assert list(every_loopback(kind, tuple(deny))) == denied
