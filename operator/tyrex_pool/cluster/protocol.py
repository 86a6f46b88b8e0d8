"""What the controller needs of an API server; `cluster.access.Cluster` implements it."""

from collections.abc import Mapping
from typing import Any, Protocol

from tyrex_pool.cluster.access import Object
from tyrex_pool.model.kinds import Kind


class ClusterAccess(Protocol):
    """Every method raises ClusterError when the API server refuses the request or does not answer."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """None when the object does not exist."""
        ...

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        """The objects of `namespace` (None: of every namespace) that both selectors choose.

        Raises NotFound when the API server does not have this kind.
        """
        ...

    async def apply(self, manifest: Mapping[str, Any], *, subresource: str | None = None) -> Object:
        """Server-side apply, forced: conflicting fields change their owner. Returns the object as it is stored."""
        ...

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object | None:
        """A JSON merge patch; None when the object does not exist.

        Raises Conflict when the patch has a metadata.resourceVersion that is not the newest.
        """
        ...

    async def create(self, kind: Kind, namespace: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when an object of this name exists."""
        ...

    async def replace(self, kind: Kind, namespace: str, name: str, manifest: Mapping[str, Any]) -> Object:
        """Raises Conflict when metadata.resourceVersion is not the newest, NotFound when there is no such object."""
        ...

    async def delete(self, kind: Kind, namespace: str, name: str, *, grace: int | None = None) -> bool:
        """False when the object does not exist. `grace`: seconds that a pod has to end, None: as its spec says."""
        ...
