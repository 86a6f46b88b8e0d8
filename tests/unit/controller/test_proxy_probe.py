"""How proxies are asked, over real sockets: those that do not answer are left out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tyrex_pool.controller.proxy_probe import HttpProxyProbe
from tyrex_pool.model import names
from tyrex_pool.plan.observation import ProxyReport

ANSWER = {"generation": 3, "readyRuntimes": 2, "strategy": {"type": "Hash"}, "runtimes": []}
REPORT = ProxyReport("proxy", 3, None, 2, ())
READY = [{"type": "Ready", "status": "True"}]


@asynccontextmanager
async def proxy(answer: object = None, body: bytes | None = None) -> AsyncIterator[int]:
    """The port of a server that answers every request for a pool the same."""

    async def pool(request: web.Request) -> web.Response:
        return web.json_response(answer) if body is None else web.Response(body=body)

    app = web.Application()
    app.add_routes([web.get(names.PATH_POOL, pool)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def pod(conditions: object = READY, address: str | None = "127.0.0.1", **metadata: str) -> dict[str, Any]:
    return {"metadata": {"name": "proxy", **metadata}, "status": {"podIP": address, "conditions": conditions}}


@pytest.mark.parametrize(
    ("asked", "reports"),
    [
        pytest.param(pod(), [REPORT], id="ready"),
        pytest.param(pod([{"type": "Ready", "status": "False"}]), [], id="not ready"),
        pytest.param(pod(address=None), [], id="without an address"),
        pytest.param(pod(deletionTimestamp="2026-01-01T00:00:00Z"), [], id="deleted"),
        pytest.param({"metadata": {"name": "proxy"}}, [], id="without a status"),
    ],
)
async def test_only_ready_proxies_are_asked(asked: Mapping[str, Any], reports: list[ProxyReport]) -> None:
    async with proxy(ANSWER) as port, HttpProxyProbe((port, 1)) as probe:
        assert await probe.reports([dict(asked)]) == reports


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no JSON", id="no JSON"),
        pytest.param(b"[]", id="another document"),
        pytest.param(b'{"runtimes":[]}', id="fields are missing"),
        pytest.param(b" " * ((4 << 20) + 1), id="too long"),
    ],
)
async def test_an_answer_that_is_no_report_is_left_out(body: bytes) -> None:
    async with proxy(body=body) as port, HttpProxyProbe((port, 1)) as probe:
        assert await probe.reports([pod()]) == []


async def test_a_proxy_that_cannot_be_reached_is_left_out() -> None:
    async with proxy() as port:
        pass
    async with HttpProxyProbe((port, 1)) as probe:
        assert await probe.reports([pod(), pod(address="::1")]) == []


async def test_ten_proxies_are_asked_at_most() -> None:
    async with proxy(ANSWER) as port, HttpProxyProbe((port, 1)) as probe:
        assert len(await probe.reports([pod()] * 30)) == 10


async def test_whether_a_service_refuses_connections() -> None:
    async with proxy() as port, HttpProxyProbe((1, port)) as probe:
        assert not await probe.refuses("127.0.0.1")
    async with HttpProxyProbe((1, port)) as probe:
        assert await probe.refuses("127.0.0.1")
        assert not await probe.refuses("no address at all")
