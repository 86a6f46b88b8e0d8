"""The runtimes of a pool in a cluster, from the EndpointSlices of their headless Service."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from tyrex_pool.model import names
from tyrex_pool.model.kinds import ENDPOINT_SLICE, Kind
from tyrex_pool.server.remote.discovery import Endpoint

Object = dict[str, Any]

LABEL_SERVICE: Final = "kubernetes.io/service-name"
_ADDRESSES: Final = ("IPv4", "IPv6")
"""Types of addresses that we connect to, the preferred one first."""


class Watch(Protocol):
    """Yields all objects of a kind, by `namespace/name`: once they are known, and again after each change, for ever."""

    def __call__(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> AsyncIterator[Mapping[str, Object]]: ...


class EndpointSlices:
    """A Discovery: the pods of `<pool>-runtime` that are not terminating, ready or not."""

    def __init__(self, watch: Watch, namespace: str, pool: str) -> None:
        self._watch = watch
        self._namespace = namespace
        self._labels = f"{LABEL_SERVICE}={names.runtime_service(pool)}"

    async def endpoints(self) -> AsyncIterator[Mapping[str, Endpoint]]:
        async for slices in self._watch(ENDPOINT_SLICE, self._namespace, labels=self._labels):
            yield merged(slices.values())


def merged(slices: Iterable[Object]) -> dict[str, Endpoint]:
    """The endpoints of all slices by the names of their pods, sorted, so that every proxy has the same order.

    A pod may be in several slices, while it moves from one to another or for its second address.
    """
    usable = sorted(
        (part for part in slices if part.get("addressType") in _ADDRESSES),
        key=lambda part: (_ADDRESSES.index(part["addressType"]), part["metadata"]["name"]),
    )
    found: dict[str, Endpoint] = {}
    terminated: set[str] = set()
    for endpoint_slice in usable:
        for name, endpoint, terminating in _pods(endpoint_slice):
            if terminating:
                terminated.add(name)
            found.setdefault(name, endpoint)
    return {name: found[name] for name in sorted(found) if name not in terminated}


def _pods(endpoint_slice: Object) -> Iterator[tuple[str, Endpoint, bool]]:
    """Name, endpoint and whether it is terminating, of each pod in a slice."""
    ports = [port["port"] for port in endpoint_slice.get("ports") or () if port.get("name") == names.PORT_HTTP]
    if not ports:
        return
    for entry in endpoint_slice.get("endpoints") or ():
        target = entry.get("targetRef") or {}
        if target.get("kind") == "Pod" and entry.get("addresses"):
            terminating = bool((entry.get("conditions") or {}).get("terminating"))
            yield target["name"], Endpoint(entry["addresses"][0], ports[0]), terminating
