import pytest

from tyrex_pool.cluster.no_proxy import bypasses_proxy


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        pytest.param("https://api.example:6443", "", False, id="no rule"),
        pytest.param("https://api.example:6443", "*", True, id="every host"),
        pytest.param("https://api.example:6443", "api.example", True, id="the host"),
        pytest.param("https://API.example", "other, Api.Example", True, id="one of several, in any case"),
        pytest.param("https://api.example", "example", True, id="its domain"),
        pytest.param("https://api.example", ".example", True, id="its domain, with a dot"),
        pytest.param("https://myexample", "example", False, id="only the same end"),
        pytest.param("https://api.example:6443", "api.example:6443", True, id="host and port"),
        pytest.param("https://api.example:6443", "api.example:443", False, id="another port"),
        pytest.param("https://10.1.2.3", "10.0.0.0/8", True, id="a network"),
        pytest.param("https://11.1.2.3", "10.0.0.0/8", False, id="outside a network"),
        pytest.param("https://[::1]:6443", "::1", True, id="IPv6"),
    ],
)
def test_rules(url: str, no_proxy: str, expected: bool) -> None:
    assert bypasses_proxy(url, no_proxy) is expected
