"""A `FakeApiServer` over HTTP, as far as kopf reads from an API server: discovery, a list and a watch of TyrexPools."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.unit.controller.fake_cluster import FakeCluster
from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.model import names
from tyrex_pool.model.kinds import TYREX_POOL

_GROUP = {"groupVersion": names.API_VERSION, "version": names.VERSION}
_VERBS = ["get", "list", "watch", "patch"]
_DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {
        "resources": [
            {"name": "namespaces", "singularName": "", "kind": "Namespace", "namespaced": False, "verbs": _VERBS},
        ]
    },
    "/apis": {"groups": [{"name": names.GROUP, "versions": [_GROUP], "preferredVersion": _GROUP}]},
    f"/apis/{names.API_VERSION}": {
        "resources": [
            {
                "name": names.PLURAL,
                "singularName": names.SINGULAR,
                "kind": names.KIND,
                "namespaced": True,
                "verbs": _VERBS,
            },
        ]
    },
}


@asynccontextmanager
async def served(cluster: FakeCluster) -> AsyncIterator[str]:
    """The URL of the API server."""

    async def pools(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            try:
                page = await cluster.list_page(TYREX_POOL.path(None), {}, False)
            except ClusterError as error:
                return web.json_response({"kind": "Status", "message": error.message}, status=error.status)
            return web.json_response({"apiVersion": names.API_VERSION, "kind": f"{names.KIND}List", **page})
        response = web.StreamResponse()
        await response.prepare(request)
        async for line in cluster.watch_lines(TYREX_POOL.path(None), dict(request.query), False, 0):
            await response.write(line + b"\n")
        return response

    async def discovery(request: web.Request) -> web.Response:
        document = _DISCOVERY.get(request.path)
        return web.json_response(document or {}, status=404 if document is None else 200)

    async def close_afterwards(request: web.Request, response: web.StreamResponse) -> None:
        """kopf waits at its end for every task of the loop, those of open connections included."""
        response.force_close()

    app = web.Application()
    app.on_response_prepare.append(close_afterwards)
    app.add_routes([web.get(TYREX_POOL.path(None), pools), web.get("/{path:.*}", discovery)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def write_kubeconfig(path: Path, url: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "here", "user": "nobody"}}],
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {"token": "secret"}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
