"""The options of `proxy`: plain immutable data, which msgspec encodes for the workers."""

from dataclasses import dataclass

import msgspec

from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.server.remote.discovery import Endpoint


class ListedRuntimes(msgspec.Struct, frozen=True, tag=True):
    """Runtimes from a list that does not change.

    `file` is the path of a manifest; None: a pool as `spec: {}`. `strategy` replaces the manifest's.
    """

    endpoints: tuple[Endpoint, ...]
    file: str | None = None
    strategy: str | None = None


class FollowedPool(msgspec.Struct, frozen=True, tag=True):
    """A TyrexPool of the cluster; the proxy follows its changes and its runtimes."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """`workers` is the number of processes that share the port."""

    server: ServerOptions
    source: ListedRuntimes | FollowedPool
    workers: int = 1
