"""The endpoints of a proxy's runtimes: from a fixed list here, from EndpointSlices in a cluster."""

import asyncio
import contextlib
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
        """From `http://host:port` or `unix:/path`. Raises ValueError with what to write; nothing listens on port 0."""
        if url.startswith("unix:"):
            path = url.removeprefix("unix:").removeprefix("//")
            if path.startswith("/"):
                return cls("localhost", 0, path)
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            port = 80 if parts.port is None else parts.port
            alone = url[len("http://") :].removesuffix("/") == parts.netloc
            if parts.scheme == "http" and parts.hostname and port and alone and _plain(parts.netloc):
                return cls(parts.hostname, port)
        raise ValueError(f"write http://HOST:PORT or unix:/PATH, not {url!r}")

    @property
    def name(self) -> str:
        return self.socket or self.authority

    @property
    def authority(self) -> str:
        """The header Host of requests to it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.socket else f"{host}:{self.port}"


def _plain(netloc: str) -> bool:
    """Whether it has no user, no password and no space."""
    return not any(char == "@" or char.isspace() for char in netloc)


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
