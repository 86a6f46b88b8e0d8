"""What the operator, the proxies and the commands need of a Kubernetes API server. Every method raises ClusterError."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from tyrex_pool.model.kinds import Kind

Object = dict[str, Any]
"""An object of the API server as JSON: `apiVersion`, `kind`, `metadata` and what its kind adds."""


class WatchSource(Protocol):
    """The two requests that a watch consists of.

    `metadata_only` asks for objects without their spec, status and data.
    """

    async def list_page(self, path: str, query: Mapping[str, str], metadata_only: bool) -> Object:
        """A whole list document, its resourceVersion included."""

    def watch_lines(
        self, path: str, query: Mapping[str, str], metadata_only: bool, silence: float
    ) -> AsyncIterator[bytes]:
        """An async generator: the lines of the answer without their ends, each a watch event in JSON.

        Returns when the server ends the answer, or has sent nothing for `silence` seconds.
        """


class ClusterApi(WatchSource, Protocol):
    """Objects read and written; `cluster.access.Cluster` implements this over HTTP."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """None when there is no such object."""

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        """The objects of a namespace (None: of all) that the selectors choose."""

    async def apply(self, manifest: Mapping[str, Any], *, subresource: str | None = None) -> Object:
        """Server-side apply: takes ownership of every field in `manifest`, whoever owned it. Returns the object."""

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object | None:
        """A merge patch. Returns the object, or None when there is none.

        Raises Conflict when `patch` has a metadata.resourceVersion that is not the newest.
        """

    async def create(self, kind: Kind, namespace: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when the object exists."""

    async def replace(self, kind: Kind, namespace: str, name: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when metadata.resourceVersion is not the newest."""

    async def delete(self, kind: Kind, namespace: str, name: str, *, grace: int | None = None) -> bool:
        """False when there was no such object. `grace`: seconds that a pod has to end."""
