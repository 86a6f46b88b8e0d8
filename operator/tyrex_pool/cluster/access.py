"""The API server, as plain JSON objects: get, list, apply, patch, delete and watch.

ClusterError                 the API server refused, or could not be asked
├── ClusterUnavailable       no answer: no configuration, no connection, a timeout
├── Forbidden                401 or 403
├── NotFound                 404: where `None` cannot be the answer
├── Conflict                 409: somebody else was faster, or already there
└── Gone                     410: a watch must begin anew
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec
from kubernetes.aio import config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from tyrex_pool.model.kinds import BY_NAME, Kind

Object = dict[str, Any]

FIELD_MANAGER: Final = "tyrex-pool"
TIMEOUT: Final = 10.0
"""Seconds that a request may take."""
_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"
_METADATA: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


class ClusterError(Exception):
    """`status` is that of HTTP, 0 without an answer; `message` is what the API server said."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ClusterUnavailable(ClusterError):
    pass


class Forbidden(ClusterError):
    pass


class NotFound(ClusterError):
    pass


class Conflict(ClusterError):
    pass


class Gone(ClusterError):
    pass


_ERRORS: Final = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone}


class Cluster:
    """An API server. Made with `await Cluster.connect()`; an async context manager."""

    def __init__(self, api: ApiClient) -> None:
        self.api = api

    @classmethod
    async def connect(cls) -> Self:
        """With the pod's service account where there is one, else the kubeconfig. Raises ClusterUnavailable."""
        settings = Configuration()
        try:
            if "KUBERNETES_SERVICE_HOST" in os.environ and _TOKEN.exists():
                config.load_incluster_config(client_configuration=settings)
            else:
                await config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=settings)
        except (config.ConfigException, OSError) as error:
            raise ClusterUnavailable(
                f"no cluster to talk to: {error}; set KUBECONFIG to a file that names one"
            ) from error
        settings.connection_pool_maxsize = 0  # watches hold connections: no limit
        return cls(ApiClient(settings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.api.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """None when it is not there. Raises ClusterError."""
        return await self._optional("GET", kind.path(namespace, name))

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        """Raises ClusterError."""
        document = await self.request("GET", kind.path(namespace), query=selectors(labels, fields))
        return [_typed(item, kind) for item in document["items"]]

    async def apply(self, manifest: Mapping[str, Any], *, subresource: str | None = None) -> Object:
        """Server-side apply: we own what `manifest` says, whoever owned it before. Raises ClusterError."""
        metadata = manifest["metadata"]
        path = BY_NAME[manifest["apiVersion"], manifest["kind"]].path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self.request("PATCH", _sub(path, subresource), query=query, body=manifest, content_type=_APPLY)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object | None:
        """A merge patch; with metadata.resourceVersion in it only if nobody was faster. None: it is not there."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._optional("PATCH", kind.path(namespace, name), query=query, body=patch, content_type=_MERGE)

    async def create(self, kind: Kind, namespace: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when it is there, and ClusterError."""
        return await self.request("POST", kind.path(namespace), query={"fieldManager": FIELD_MANAGER}, body=manifest)

    async def replace(self, kind: Kind, namespace: str, name: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when metadata.resourceVersion is not the newest, and ClusterError."""
        return await self.request(
            "PUT", kind.path(namespace, name), query={"fieldManager": FIELD_MANAGER}, body=manifest
        )

    async def delete(self, kind: Kind, namespace: str, name: str, *, grace: int | None = None) -> bool:
        """False when it was not there. `grace`: seconds that a pod has to end. Raises ClusterError."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        return await self._optional("DELETE", kind.path(namespace, name), body=body) is not None

    async def _optional(self, method: str, path: str, **rest: Any) -> Object | None:
        try:
            return await self.request(method, path, **rest)
        except NotFound:
            return None

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """One request, answered within TIMEOUT. Raises ClusterError."""
        async with asyncio.timeout(TIMEOUT + 1):
            response = await self._send(method, path, query, body, content_type, aiohttp.ClientTimeout(TIMEOUT))
            return await _document(response)

    async def stream(
        self, path: str, query: Mapping[str, str], metadata_only: bool, silence: float
    ) -> aiohttp.ClientResponse:
        """The answer to a GET whose body goes on and on; dead after `silence` seconds. Raises ClusterError."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=silence)
        response = await self._send("GET", path, query, None, "application/json", timeout, metadata_only)
        if response.status != 200:
            await _document(response)
        return response

    async def list_page(self, path: str, query: Mapping[str, str], metadata_only: bool) -> Object:
        """A whole list document, its resourceVersion included. Raises ClusterError."""
        timeout = aiohttp.ClientTimeout(3 * TIMEOUT)
        response = await self._send("GET", path, query, None, "application/json", timeout, metadata_only, "List")
        return await _document(response)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
        metadata_only: bool = False,
        suffix: str = "",
    ) -> aiohttp.ClientResponse:
        accept = _METADATA.format(suffix) if metadata_only else "application/json"
        headers = {"Accept": accept, "Content-Type": content_type}
        pairs = list((query or {}).items())
        request = await self.api.param_serialize(
            method, path, query_params=pairs, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            answer = await self.api.rest_client.request(*request[:3], body=request[3], _request_timeout=timeout)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(error) from error
        response: aiohttp.ClientResponse = answer.response
        return response


def selectors(labels: str | None, fields: str | None) -> dict[str, str]:
    """The query of a list or a watch."""
    given = {"labelSelector": labels, "fieldSelector": fields}
    return {name: value for name, value in given.items() if value is not None}


def _sub(path: str, subresource: str | None) -> str:
    return path if subresource is None else f"{path}/{subresource}"


def _typed(item: Object, kind: Kind) -> Object:
    """Items of a list come without these two."""
    return {"apiVersion": kind.api_version, "kind": kind.name} | item


async def _document(response: aiohttp.ClientResponse) -> Object:
    """The whole answer, the connection given back. Raises ClusterError."""
    try:
        return _decoded(response.status, await response.read())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unavailable(error) from error
    finally:
        response.release()


def _decoded(status: int, raw: bytes) -> Object:
    try:
        document = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        document = {"message": raw.decode(errors="replace")[:500]}
    if status >= 400:
        message = document.get("message") or f"HTTP status {status}"
        raise _ERRORS.get(status, ClusterError)(message, status)
    return document if isinstance(document, dict) else {}


def _unavailable(error: BaseException) -> ClusterUnavailable:
    return ClusterUnavailable(f"the API server does not answer: {str(error) or type(error).__name__}")
