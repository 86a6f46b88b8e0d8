"""The client of the API server over real HTTP, with a server that answers what a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

import httpx
import pytest
from kubernetes.client import Configuration

from tests.unit.cluster.http_server import ApiServer, Reply, document, refusal
from tyrex_pool.client import AsyncClient
from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.credentials import Credentials, TokenAuth
from tyrex_pool.cluster.errors import ClusterError, ClusterUnavailable, Conflict, Forbidden, Gone, NotFound
from tyrex_pool.model.errors import Overloaded
from tyrex_pool.model.kinds import CONFIG_MAP, DEPLOYMENT, POD, TYREX_POOL
from tyrex_pool.model.wire import problem

Operation = Callable[[Cluster], Awaitable[Any]]
MAPS = "/api/v1/namespaces/web/configmaps"
MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "web", "name": "m"}}
MANAGED = {"fieldManager": "tyrex-pool"}
OBJECT = {"metadata": {"name": "m"}}
METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with ApiServer() as server:
        yield server


@pytest.fixture
async def cluster(api: ApiServer) -> AsyncIterator[Cluster]:
    async with Cluster(Credentials(api.url, "web", httpx.Auth())) as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("operation", "method", "path", "query", "content_type", "body"),
    [
        pytest.param(lambda c: c.get(CONFIG_MAP, "web", "m"), "GET", f"{MAPS}/m", {}, "json", None, id="get"),
        pytest.param(
            lambda c: c.get(TYREX_POOL, None, "m"),
            "GET", "/apis/tyrex.dev/v1alpha1/tyrexpools/m", {}, "json", None, id="get of a group",
        ),
        pytest.param(
            lambda c: c.apply(MANIFEST),
            "PATCH", f"{MAPS}/m", MANAGED | {"force": "true"}, "apply-patch+yaml", MANIFEST, id="apply",
        ),
        pytest.param(
            lambda c: c.apply(MANIFEST, subresource="status"),
            "PATCH", f"{MAPS}/m/status", MANAGED | {"force": "true"}, "apply-patch+yaml", MANIFEST, id="subresource",
        ),
        pytest.param(
            lambda c: c.merge(CONFIG_MAP, "web", "m", {"data": None}),
            "PATCH", f"{MAPS}/m", MANAGED, "merge-patch+json", {"data": None}, id="merge",
        ),
        pytest.param(
            lambda c: c.create(CONFIG_MAP, "web", MANIFEST), "POST", MAPS, MANAGED, "json", MANIFEST, id="create"
        ),
        pytest.param(
            lambda c: c.replace(CONFIG_MAP, "web", "m", MANIFEST),
            "PUT", f"{MAPS}/m", MANAGED, "json", MANIFEST, id="replace",
        ),
    ],
)  # fmt: skip
async def test_requests(
    api: ApiServer,
    cluster: Cluster,
    operation: Operation,
    method: str,
    path: str,
    query: dict[str, str],
    content_type: str,
    body: Any,
) -> None:
    api.script = [document(OBJECT)]
    assert await operation(cluster) == OBJECT
    (seen,) = api.seen
    assert (seen.method, seen.path, seen.query, seen.body) == (method, path, query, body)
    assert seen.headers["content-type"] == f"application/{content_type}"
    assert seen.headers["accept"] == "application/json"
    assert "authorization" not in seen.headers


@pytest.mark.parametrize(("grace", "more"), [(None, {}), (0, {"gracePeriodSeconds": 0})])
async def test_a_deletion_leaves_children_to_the_garbage_collector(
    api: ApiServer, cluster: Cluster, grace: int | None, more: dict[str, int]
) -> None:
    api.script = [document(OBJECT)]
    assert await cluster.delete(POD, "web", "p", grace=grace)
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    assert api.seen[0].body == options | more


async def test_listed_objects_have_a_kind(api: ApiServer, cluster: Cluster) -> None:
    api.script = [document({"items": [OBJECT]})]
    found = await cluster.list(DEPLOYMENT, "web", labels="a=b,c", fields="metadata.name=m")
    assert found == [{"apiVersion": "apps/v1", "kind": "Deployment"} | OBJECT]
    assert api.seen[0].query == {"labelSelector": "a=b,c", "fieldSelector": "metadata.name=m"}


async def test_a_list_of_metadata_only(api: ApiServer, cluster: Cluster) -> None:
    page = {"items": [], "metadata": {"resourceVersion": "3"}}
    api.script = [document(page)]
    assert await cluster.list_page(MAPS, {}, metadata_only=True) == page
    assert api.seen[0].headers["accept"] == METADATA.format("List")


async def test_a_server_may_be_below_a_path(api: ApiServer) -> None:
    api.script = [document(OBJECT)]
    async with Cluster(Credentials(f"{api.url}/k8s/clusters/c", "web", httpx.Auth())) as cluster:
        await cluster.get(CONFIG_MAP, "web", "m")
    assert api.seen[0].path == f"/k8s/clusters/c{MAPS}/m"


async def test_a_guest_s_lone_surrogate_can_be_written(api: ApiServer, cluster: Cluster) -> None:
    api.script = [document(OBJECT)]
    await cluster.merge(CONFIG_MAP, "web", "m", {"data": {"k": "\ud800"}})
    assert api.seen[0].body == {"data": {"k": "\ud800"}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Forbidden), (403, Forbidden), (404, NotFound), (409, Conflict), (410, Gone), (500, ClusterError)],
)
async def test_refusals(api: ApiServer, cluster: Cluster, status: int, kind: type[ClusterError]) -> None:
    api.script = [refusal(status, "no")] * 2
    for operation in (cluster.list(CONFIG_MAP, "web"), cluster.create(CONFIG_MAP, "web", MANIFEST)):
        with pytest.raises(ClusterError, match=r"^no$") as caught:
            await operation
        assert (type(caught.value), caught.value.status, caught.value.explained) == (kind, status, True)


async def test_what_does_not_exist(api: ApiServer, cluster: Cluster) -> None:
    api.script = [refusal(404, "not found")] * 5
    assert await cluster.get(CONFIG_MAP, "web", "m") is None
    assert await cluster.merge(CONFIG_MAP, "web", "m", {}) is None
    assert not await cluster.delete(CONFIG_MAP, "web", "m")
    with pytest.raises(NotFound):
        await cluster.replace(CONFIG_MAP, "web", "m", MANIFEST)
    with pytest.raises(NotFound):
        await cluster.read(CONFIG_MAP, "web", "m")


async def test_an_unknown_kind_is_told_from_a_missing_object(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(404, b"404 page not found\n", "text/plain")]
    with pytest.raises(NotFound) as caught:
        await cluster.read(TYREX_POOL, "web", "m")
    assert not caught.value.explained


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        pytest.param(Reply(200, b"<html>", "text/html"), 200, id="a page"),
        pytest.param(Reply(200, b"[]"), 200, id="no object"),
        pytest.param(Reply(200, b"{}"), 200, id="no list"),
        pytest.param(Reply(502, b"<html>bad gateway", "text/html"), 502, id="a gateway's page"),
        pytest.param(Reply(302, b"", "text/html"), 302, id="a redirection"),
    ],
)
async def test_another_server_answers(api: ApiServer, cluster: Cluster, reply: Reply, status: int) -> None:
    api.script = [reply]
    with pytest.raises(ClusterError) as caught:
        await cluster.list(CONFIG_MAP, "web")
    assert (type(caught.value), caught.value.status, caught.value.explained) == (ClusterError, status, False)


async def test_nobody_listens() -> None:
    async with Cluster(Credentials("http://127.0.0.1:9", "web", httpx.Auth())) as cluster:
        with pytest.raises(ClusterUnavailable, match=r"^the API server does not answer: \[Errno 111\] ") as caught:
            await cluster.get(CONFIG_MAP, "web", "m")
    assert (caught.value.status, caught.value.connected) == (0, False)


async def test_a_connection_breaks_before_the_answer(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(0)]
    with pytest.raises(ClusterUnavailable) as caught:
        await cluster.create(CONFIG_MAP, "web", MANIFEST)
    assert caught.value.connected


async def test_an_answer_may_not_take_longer_than_the_timeout_in_all(api: ApiServer) -> None:
    async def trickle(send: Callable[[bytes], Awaitable[None]]) -> None:
        while True:
            await send(b" ")
            await asyncio.sleep(0.01)

    api.script = [Reply(stream=trickle)]
    async with Cluster(Credentials(api.url, "web", httpx.Auth()), timeout=0.1) as cluster:
        with pytest.raises(ClusterUnavailable, match="TimeoutError"):
            await cluster.get(CONFIG_MAP, "web", "m")
    await asyncio.wait_for(api.closed.wait(), 10)


def rotating(*tokens: str | Exception) -> Configuration:
    """Settings whose token is another one at each refresh."""
    settings, left = Configuration(), list(tokens)

    def refresh(settings: Configuration) -> None:
        token = left.pop(0)
        if isinstance(token, Exception):
            raise token
        settings.api_key["BearerToken"] = token

    settings.api_key["BearerToken"] = "Bearer first"
    settings.refresh_api_key_hook = refresh  # type: ignore[assignment]  # declared without a type
    return settings


async def test_each_request_has_the_current_token(api: ApiServer) -> None:
    api.script = [document(OBJECT), document(OBJECT), Reply(stream=cast("Any", sends(b"{}\n")))]
    auth = TokenAuth(rotating("bearer one", "bearer two\n", "bearer three"))
    async with Cluster(Credentials(api.url, "web", auth)) as cluster:
        for _ in range(2):
            await cluster.get(CONFIG_MAP, "web", "m")
        assert [line async for line in cluster.watch_lines(MAPS, {}, False, 10)] == [b"{}"]
    assert [seen.headers["authorization"] for seen in api.seen] == ["bearer one", "bearer two", "bearer three"]


async def test_a_token_that_cannot_be_refreshed(api: ApiServer) -> None:
    auth = TokenAuth(rotating(OSError("no such file"), "bearer back"))
    api.script = [document(OBJECT)]
    async with Cluster(Credentials(api.url, "web", auth)) as cluster:
        with pytest.raises(ClusterUnavailable, match="no such file"):
            await cluster.get(CONFIG_MAP, "web", "m")
        assert await cluster.get(CONFIG_MAP, "web", "m") == OBJECT
    assert len(api.seen) == 1


async def test_a_pool_behind_the_service_proxy(api: ApiServer, cluster: Cluster) -> None:
    """Its own refusals reach its client, those of the API server do not."""
    api.script = [Reply(503, problem(Overloaded("full")), "application/problem+json"), refusal(503, "no endpoints")]
    async with AsyncClient(f"{api.url}/proxy", http=cluster.http) as client:
        with pytest.raises(Overloaded, match="full"):
            await client.eval("1")
        with pytest.raises(ClusterError, match="no endpoints"):
            await client.eval("1")
    assert api.seen[0].path == "/proxy/v1/eval"


# Watches


def sends(*chunks: bytes, then: asyncio.Event | None = None) -> Callable[..., Awaitable[None]]:
    """A streamed body; with `then` it goes on until that is set."""

    async def stream(send: Callable[[bytes], Awaitable[None]]) -> None:
        for chunk in chunks:
            await send(chunk)
        if then is not None:
            await then.wait()

    return stream


async def lines(cluster: Cluster, silence: float = 10.0) -> list[bytes]:
    return [line async for line in cluster.watch_lines(MAPS, {"watch": "1"}, False, silence)]


async def test_a_watch_that_the_server_ends(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(stream=sends(b'{"a":1}\n{"b"', b":2}\n"))]
    assert await lines(cluster) == [b'{"a":1}', b'{"b":2}']
    assert api.seen[0].query == {"watch": "1"}
    assert api.seen[0].headers["accept"] == "application/json"


async def test_a_watch_of_metadata_only(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(stream=sends())]
    assert [line async for line in cluster.watch_lines(MAPS, {}, True, 10.0)] == []
    assert api.seen[0].headers["accept"] == METADATA.format("")


async def test_a_line_of_two_megabytes_with_other_line_ends(api: ApiServer, cluster: Cluster) -> None:
    event = {"text": "\u2028\u2029\x85" * 300_000}
    line = json.dumps(event, ensure_ascii=False).encode()
    assert len(line) > 2_000_000
    size = 70_001  # cuts characters, too
    parts = [line[start : start + size] for start in range(0, len(line), size)]
    api.script = [Reply(stream=sends(*parts, b"\n"))]
    (found,) = await lines(cluster)
    assert json.loads(found) == event


async def test_silence_ends_a_watch(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(stream=sends(b"{}\n{", then=asyncio.Event()))]
    assert await lines(cluster, silence=0.05) == [b"{}"]
    await asyncio.wait_for(api.closed.wait(), 10)


async def test_lines_come_before_the_answer_ends(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(stream=sends(b"{}\n", then=asyncio.Event()))]
    async with aclosing(cast("Any", cluster.watch_lines(MAPS, {}, False, 10.0))) as watch:
        assert await asyncio.wait_for(anext(watch), 10) == b"{}"
    await asyncio.wait_for(api.closed.wait(), 10)


async def test_a_watch_breaks(api: ApiServer, cluster: Cluster) -> None:
    api.script = [Reply(stream=sends(b"{}\n"), complete=False)]
    watch = aiter(cluster.watch_lines(MAPS, {}, False, 10.0))
    assert await anext(watch) == b"{}"
    with pytest.raises(ClusterUnavailable) as caught:
        await anext(watch)
    assert caught.value.status == 0


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        pytest.param(refusal(410, "too old"), Gone, 410, id="the history is lost"),
        pytest.param(refusal(403, "no"), Forbidden, 403, id="no right to watch"),
        pytest.param(Reply(404, b"404 page not found"), NotFound, 404, id="no such kind"),
        pytest.param(Reply(302, b""), ClusterError, 302, id="a redirection"),
    ],
)
async def test_a_watch_is_refused(
    api: ApiServer, cluster: Cluster, reply: Reply, kind: type[ClusterError], status: int
) -> None:
    api.script = [reply]
    with pytest.raises(ClusterError) as caught:
        await lines(cluster)
    assert (type(caught.value), caught.value.status) == (kind, status)


async def test_watches_do_not_use_up_connections(api: ApiServer, cluster: Cluster) -> None:
    over = asyncio.Event()
    api.script = [Reply(stream=sends(b"{}\n", then=over)) for _ in range(150)] + [document(OBJECT)]
    watches = [cast("Any", cluster.watch_lines(MAPS, {}, False, 30.0)) for _ in range(150)]
    await asyncio.wait_for(asyncio.gather(*(anext(watch) for watch in watches)), 20)
    assert await asyncio.wait_for(cluster.get(CONFIG_MAP, "web", "m"), 10) == OBJECT
    over.set()
    for watch in watches:
        await watch.aclose()
