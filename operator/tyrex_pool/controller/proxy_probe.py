"""Asks a pool's proxies which generation of the spec they follow and which runtimes they reach."""

import asyncio
import logging
from types import TracebackType
from typing import Protocol, Self

import httpx
import msgspec

from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model import names
from tyrex_pool.plan.observation import ProxyReport

_TIMEOUT = 1.5
"""Seconds that a proxy has to answer."""
_LONGEST = 4 << 20
"""Bytes of an answer that are read at most."""
_AT_MOST = 10
"""Proxies that are asked: all of them follow the same pool."""

logger = logging.getLogger("tyrex_pool")


class ProxyProbe(Protocol):
    """How the controller learns what proxies report."""

    async def reports(self, pods: list[Object]) -> list[ProxyReport]:
        """The reports of those proxies among `pods` that are ready and answer; the others are left out."""
        ...

    async def refuses(self, address: str) -> bool:
        """Whether the Service with this address refuses connections."""
        ...


class HttpProxyProbe:
    """Over HTTP to the pods' own addresses; an async context manager. `ports`: of proxies and of Services."""

    def __init__(self, ports: tuple[int, int] = (names.SERVE_PORT, names.SERVICE_PORT)) -> None:
        self._proxy_port, self._service_port = ports
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def reports(self, pods: list[Object]) -> list[ProxyReport]:
        """Asks ten proxies at most."""
        asked = [pod for pod in pods if _ready(pod)][:_AT_MOST]
        return [report for report in await asyncio.gather(*map(self._report, asked)) if report is not None]

    async def _report(self, pod: Object) -> ProxyReport | None:
        address, name = pod["status"]["podIP"], pod["metadata"]["name"]
        host = f"[{address}]" if ":" in address else address
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await self._get(f"http://{host}:{self._proxy_port}{names.PATH_POOL}")
            return ProxyReport.of(name, msgspec.json.decode(answer))
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.info("proxy %s gives no report: %s", name, str(error) or type(error).__name__)
            return None

    async def _get(self, url: str) -> bytes:
        """A proxy runs strategies of users, which must not be able to fill the operator's memory. Raises ValueError."""
        body = bytearray()
        async with self._http.stream("GET", url) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LONGEST:
                    raise ValueError(f"its answer is over {_LONGEST} bytes")
        return bytes(body)

    async def refuses(self, address: str) -> bool:
        """Nodes learn of a new Service's pods with a delay, and refuse connections until then. A connection that fails
        otherwise proves nothing: the operator may run where no Service can be reached.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                _, writer = await asyncio.open_connection(address, self._service_port)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        writer.close()
        return False


def _ready(pod: Object) -> bool:
    status = pod.get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    return (
        bool(status.get("podIP")) and conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")
    )
