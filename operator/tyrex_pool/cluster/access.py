"""`Cluster`: the one client of the API server, for the operator, the proxies and the commands; objects are plain JSON.

It is on httpx, as the clients of pools are, so that those reach a pool through the API server's service proxy with
the very connections and credentials of this client (`Cluster.http`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from tyrex_pool.cluster.credentials import Credentials, program_credentials
from tyrex_pool.cluster.errors import (
    ClusterError,
    NotFound,
    other_refusal,
    unavailable,
)
from tyrex_pool.cluster.lines import split_lines
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.cluster.query import selectors
from tyrex_pool.cluster.transport import ApiServerTransport
from tyrex_pool.model.kinds import BY_NAME, Kind
from tyrex_pool.model.names import TYPE_JSON
from tyrex_pool.model.wire import encode_json

FIELD_MANAGER: Final = "tyrex-pool"
TIMEOUT: Final = 10.0
"""Seconds that a request may take."""
_LIST_FACTOR: Final = 3
"""How many times as long the list at the beginning of a watch may take."""
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"
_METADATA: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_MANAGED: Final = {"fieldManager": FIELD_MANAGER}


class Cluster(ClusterApi):
    """An async context manager. `url` is that of the API server, `namespace` the default one of the credentials.

    `timeout`: seconds that a request may take.
    """

    def __init__(self, credentials: Credentials, timeout: float = TIMEOUT) -> None:
        self.url = credentials.server
        self.namespace = credentials.namespace
        self._timeout = timeout
        self.http = httpx.AsyncClient(auth=credentials.auth, transport=ApiServerTransport(credentials), timeout=timeout)

    @classmethod
    async def connect(cls) -> Self:
        """With the pod's service account where there is one, else the kubeconfig. Raises ClusterUnavailable."""
        return cls(await asyncio.to_thread(program_credentials))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the client is of no use afterwards."""
        await self.http.aclose()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """None when there is no such object. Raises ClusterError."""
        return await self._optional("GET", kind.path(namespace, name))

    async def read(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """As `get`, but raises NotFound: `explained` when the object is missing, not so when the kind is."""
        return await self._request("GET", kind.path(namespace, name))

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        """Raises ClusterError."""
        document = await self._request("GET", kind.path(namespace), query=selectors(labels, fields))
        return [_typed(item, kind) for item in _items(document)]

    async def apply(self, manifest: Mapping[str, Any], *, subresource: str | None = None) -> Object:
        """Server-side apply, which takes ownership of all fields in `manifest`. Raises ClusterError."""
        metadata = manifest["metadata"]
        path = BY_NAME[manifest["apiVersion"], manifest["kind"]].path(metadata["namespace"], metadata["name"])
        query = {**_MANAGED, "force": "true"}
        return await self._request("PATCH", _sub(path, subresource), query=query, body=manifest, content_type=_APPLY)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object | None:
        """A merge patch; None when there is no such object.

        Raises Conflict when `patch` has a metadata.resourceVersion that is not the newest, and ClusterError.
        """
        path = kind.path(namespace, name)
        return await self._optional("PATCH", path, query=_MANAGED, body=patch, content_type=_MERGE)

    async def create(self, kind: Kind, namespace: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when the object exists, and ClusterError."""
        return await self._request("POST", kind.path(namespace), query=_MANAGED, body=manifest)

    async def replace(self, kind: Kind, namespace: str, name: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when metadata.resourceVersion is not the newest, and ClusterError."""
        return await self._request("PUT", kind.path(namespace, name), query=_MANAGED, body=manifest)

    async def delete(self, kind: Kind, namespace: str, name: str, *, grace: int | None = None) -> bool:
        """False when there was no such object. `grace`: seconds that a pod has to end. Raises ClusterError."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        return await self._optional("DELETE", kind.path(namespace, name), body=body) is not None

    async def list_page(self, path: str, query: Mapping[str, str], metadata_only: bool) -> Object:
        """A whole list document, its resourceVersion included. Raises ClusterError."""
        accept = _METADATA.format("List") if metadata_only else TYPE_JSON
        document = await self._request("GET", path, query=query, accept=accept, patience=_LIST_FACTOR)
        _items(document)
        return document

    async def watch_lines(
        self, path: str, query: Mapping[str, str], metadata_only: bool, silence: float
    ) -> AsyncIterator[bytes]:
        """The lines of the answer without their ends. Raises ClusterError.

        Returns when the server ends the answer, or has sent nothing for `silence` seconds.
        """
        accept = _METADATA.format("") if metadata_only else TYPE_JSON
        timeout = httpx.Timeout(self._timeout, read=silence)
        try:
            async with self.http.stream(
                "GET", self.url + path, params=dict(query), headers={"Accept": accept}, timeout=timeout
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise other_refusal(response.status_code, await response.aread())
                try:
                    async for line in split_lines(response.aiter_bytes()):
                        yield line
                except httpx.ReadTimeout:
                    return
        except httpx.RequestError as error:
            raise unavailable(error, connected=True) from error

    async def _optional(self, method: str, path: str, **rest: Any) -> Object | None:
        try:
            return await self._request(method, path, **rest)
        except NotFound:
            return None

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        accept: str = TYPE_JSON,
        content_type: str = TYPE_JSON,
        patience: int = 1,
    ) -> Object:
        """One request, answered within `patience` times the timeout. Raises ClusterError."""
        timeout = patience * self._timeout
        request = self.http.build_request(
            method,
            self.url + path,
            params=query,
            content=None if body is None else encode_json(body),
            headers={"Accept": accept, "Content-Type": content_type},
            timeout=timeout,
        )
        try:
            async with asyncio.timeout(timeout):  # httpx limits each read, not their sum
                response = await self.http.send(request)
        except (httpx.RequestError, TimeoutError) as error:
            raise unavailable(error, connected=True) from error
        return _document(response)


def _sub(path: str, subresource: str | None) -> str:
    return path if subresource is None else f"{path}/{subresource}"


def _typed(item: Object, kind: Kind) -> Object:
    """Items of a list have neither of these two members."""
    return {"apiVersion": kind.api_version, "kind": kind.name} | item


def _document(response: httpx.Response) -> Object:
    """The JSON object that was answered. Raises ClusterError."""
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise other_refusal(response.status_code, response.content)
    try:
        document = msgspec.json.decode(response.content)
    except ValueError as error:
        raise _strange(response.status_code) from error
    if not isinstance(document, dict):
        raise _strange(response.status_code)
    return document


def _items(document: Object) -> list[Object]:
    items = document.get("items")
    if not isinstance(items, list):
        raise _strange(httpx.codes.OK)
    return items


def _strange(status: int) -> ClusterError:
    return ClusterError("the answer is not that of an API server", status)
