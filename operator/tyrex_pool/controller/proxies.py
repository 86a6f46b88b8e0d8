"""Asks a pool's proxies what they follow and what they see; those that do not answer are passed over."""

import asyncio
import logging
from typing import Any, Protocol

import httpx
import msgspec

from tyrex_pool.model import names
from tyrex_pool.plan.observation import ProxyReport

_TIMEOUT = 1.5
_LONGEST = 4 << 20
_AT_MOST = 10
"""Proxies that are asked: they all follow the same pool."""

Object = dict[str, Any]
logger = logging.getLogger("tyrex_pool")


class Asks(Protocol):
    """How the controller hears from proxies."""

    async def ask(self, pods: list[Object]) -> list[ProxyReport]: ...

    async def refused(self, address: str) -> bool:
        """Whether the Service at this address refuses connections."""
        ...


class HttpAsks:
    """Over HTTP, at the pods' own addresses; an async context manager is not needed, `close` is."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)

    async def ask(self, pods: list[Object]) -> list[ProxyReport]:
        """One report for each of `pods` that is ready and answers."""
        asked = [pod for pod in pods if _ready(pod)][:_AT_MOST]
        return [report for report in await asyncio.gather(*map(self._one, asked)) if report is not None]

    async def _one(self, pod: Object) -> ProxyReport | None:
        address, name = pod["status"]["podIP"], pod["metadata"]["name"]
        host = f"[{address}]" if ":" in address else address
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._get(f"http://{host}:{names.SERVE_PORT}{names.PATH_POOL}")
            return ProxyReport.of(name, msgspec.json.decode(answer))
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.info("proxy %s does not tell how it is: %s", name, str(error) or type(error).__name__)
            return None

    async def _get(self, url: str) -> bytes:
        """A proxy runs strategies of users: it must not be able to fill our memory. Raises ValueError."""
        body = bytearray()
        async with self._http.stream("GET", url) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LONGEST:
                    raise ValueError(f"its answer is over {_LONGEST} bytes")
        return bytes(body)

    async def refused(self, address: str) -> bool:
        """Nodes take a moment to learn of a new Service's pods, and refuse who comes before. No answer says nothing:
        the operator may be where no Service can be reached.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                _, writer = await asyncio.open_connection(address, names.SERVICE_PORT)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        writer.close()
        return False

    async def close(self) -> None:
        await self._http.aclose()


def _ready(pod: Object) -> bool:
    status = pod.get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    return (
        bool(status.get("podIP")) and conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")
    )
