from typing import Any

import pytest

from tests.unit.server.fake_cluster import FakeCluster
from tyrex_pool.model.kinds import ENDPOINT_SLICE
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.endpoint_slices import EndpointSlices, merged

HTTP = {"name": "http", "port": 8080}
ADMIN = {"name": "admin", "port": 9090}


def pod(name: str, address: str, kind: str = "Pod", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "targetRef": {"kind": kind, "name": name}, "conditions": conditions}


def endpoint_slice(*endpoints: Any, name: str = "a", family: str = "IPv4", ports: Any = (ADMIN, HTTP)) -> Any:
    return {"metadata": {"name": name}, "addressType": family, "ports": ports, "endpoints": list(endpoints)}


def at(address: str, port: int = 8080) -> Endpoint:
    return Endpoint(address, port)


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(
            [endpoint_slice(pod("r-b", "10.0.0.2", ready=True), pod("r-a", "10.0.0.1", ready=False))],
            {"r-a": at("10.0.0.1"), "r-b": at("10.0.0.2")},
            id="sorted by name, ready or not",
        ),
        pytest.param(
            [endpoint_slice(pod("r-b", "10.0.0.2"), name="b"), endpoint_slice(pod("r-a", "10.0.0.1"), name="a")],
            {"r-a": at("10.0.0.1"), "r-b": at("10.0.0.2")},
            id="of several slices",
        ),
        pytest.param(
            [endpoint_slice(pod("r-a", "10.0.0.1", terminating=True), pod("r-b", "10.0.0.2", terminating=False))],
            {"r-b": at("10.0.0.2")},
            id="without what is terminating",
        ),
        pytest.param(
            [
                endpoint_slice(pod("r-a", "10.0.0.1"), name="a"),
                endpoint_slice(pod("r-a", "10.0.0.1", terminating=True), name="b"),
            ],
            {},
            id="terminating in one of two",
        ),
        pytest.param(
            [
                endpoint_slice(pod("r-a", "fd00::1"), name="a", family="IPv6"),
                endpoint_slice(pod("r-a", "10.0.0.1"), name="b"),
            ],
            {"r-a": at("10.0.0.1")},
            id="two addresses",
        ),
        pytest.param([endpoint_slice(pod("r-a", "fd00::1"), family="IPv6")], {"r-a": at("fd00::1")}, id="IPv6 alone"),
        pytest.param([endpoint_slice(pod("r-a", "host"), family="FQDN")], {}, id="a host name"),
        pytest.param([endpoint_slice(pod("r-a", "10.0.0.1"), ports=[ADMIN])], {}, id="no port for evals"),
        pytest.param([endpoint_slice(pod("r-a", "10.0.0.1"), ports=None)], {}, id="no ports"),
        pytest.param([endpoint_slice(pod("node", "10.0.0.1", kind="Node"))], {}, id="no pod"),
        pytest.param([endpoint_slice({"addresses": ["10.0.0.1"]})], {}, id="nothing behind it"),
        pytest.param([{"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": None}], {}, id="empty"),
    ],
)
def test_merged(slices: list[Any], expected: dict[str, Endpoint]) -> None:
    assert list(merged(slices).items()) == list(expected.items())


async def test_it_follows_the_slices_of_the_pool_s_headless_service() -> None:
    cluster = FakeCluster()
    cluster.put(ENDPOINT_SLICE, "a", **endpoint_slice(pod("r-a", "10.0.0.1")))
    told = EndpointSlices(cluster.watch, "web", "render").endpoints()
    assert await anext(told) == {"r-a": at("10.0.0.1")}
    cluster.put(ENDPOINT_SLICE, "b", **endpoint_slice(pod("r-b", "10.0.0.2"), name="b"))
    assert list(await anext(told)) == ["r-a", "r-b"]
    assert cluster.watched == [("endpointslices", "web", "kubernetes.io/service-name=render-runtime")]
