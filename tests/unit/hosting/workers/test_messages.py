import pytest

from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.hosting.proxy_options import FollowedPool, ListedRuntimes, ProxyOptions
from tyrex_pool.hosting.workers.messages import (
    Failed,
    Orders,
    Report,
    Serving,
    WorkerState,
    decode_orders,
    decode_report,
    line,
)
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.service import Address

SERVER = ServerOptions("proxy", Address("::", 80, None, socket=None, shared=True), access_log=True)
ENDPOINTS = (Endpoint("a", 1), Endpoint("localhost", 0, "/b"))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(ListedRuntimes(ENDPOINTS), id="list"),
        pytest.param(ListedRuntimes(ENDPOINTS, "p.yaml", "Hash"), id="list, manifest and strategy"),
        pytest.param(FollowedPool("prod", "web"), id="a TyrexPool"),
    ],
)
def test_orders_arrive_as_they_were_sent(source: ListedRuntimes | FollowedPool) -> None:
    orders = Orders(ProxyOptions(SERVER, source, 3), 2)
    sent = line(orders)
    assert sent.count(b"\n") == 1
    assert decode_orders(sent) == orders


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(Serving(PoolView(name="web", ready=True, in_flight=0, queued=1, runtimes=())), id="serving"),
        pytest.param(Failed("p.yaml: No such file"), id="failed"),
        pytest.param(WorkerState(False, "it\nis draining", "# HELP a\na 1.0\n"), id="state"),
    ],
)
def test_a_report_is_one_line(report: Report) -> None:
    sent = line(report)
    assert sent.count(b"\n") == 1
    assert decode_report(sent) == report
