"""The endpoints of a proxy's runtimes: from a fixed list here, from EndpointSlices in a cluster."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that runs evals: TCP, or a Unix socket when `socket` is its path."""

    host: str
    port: int
    socket: str | None = None

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """From `http://host:port` or `unix:/path`. Raises ValueError with what to write."""
        if url.startswith("unix:"):
            path = url.removeprefix("unix:").removeprefix("//")
            if path.startswith("/"):
                return cls("localhost", 0, path)
        parts = urlsplit(url)
        try:
            if parts.scheme == "http" and parts.hostname and parts.path in ("", "/") and not parts.query:
                return cls(parts.hostname, parts.port or 80)
        except ValueError:
            pass
        raise ValueError(f"write http://HOST:PORT or unix:/PATH, not {url!r}")

    @property
    def name(self) -> str:
        return self.socket or self.authority

    @property
    def authority(self) -> str:
        """The header Host of requests to it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.socket else f"{host}:{self.port}"


class Discovery(Protocol):
    """Yields all endpoints by name, and again after each change; every proxy must see the same names."""

    def endpoints(self) -> AsyncIterator[Mapping[str, Endpoint]]: ...


class StaticList:
    """Endpoints that never change."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}

    async def endpoints(self) -> AsyncIterator[Mapping[str, Endpoint]]:
        yield self._endpoints
        await asyncio.Event().wait()
