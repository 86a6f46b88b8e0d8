"""Pools that run for a test: real Deno behind the real server, on ports of its own, in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import httpx
import uvloop

from tyrex_pool.model.config_maps import Files
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.runtime.sources import Sources
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.service import Address, Service
from tyrex_pool.server.telemetry.metrics import IsolateMetrics, Metrics

T = TypeVar("T")
ConfigMaps = Mapping[str, Files]


def until(probe: Callable[[], T], seconds: float = 10.0) -> T:
    """The first true answer of `probe`, which is asked again and again for `seconds`."""
    end = monotonic() + seconds
    pause = threading.Event()
    while not (answer := probe()):
        assert monotonic() < end, f"not within {seconds:g} s; the last answer was {answer!r}"
        pause.wait(0.005)
    return answer


class RunningPool:
    """A pool as callers see it. `http` and `admin` are clients of its two ports."""

    def __init__(self, port: int, admin_port: int) -> None:
        self.port = port
        self.admin_port = admin_port
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
        self.admin = httpx.Client(base_url=f"http://127.0.0.1:{admin_port}", timeout=30, trust_env=False)
        self._threads = ThreadPoolExecutor(64)

    def post(self, code: str, **members: Any) -> httpx.Response:
        """The answer to an eval of `code`, whatever it is."""
        return self.http.post("/v1/eval", json={"code": code, **members})

    def eval(self, code: str, **members: Any) -> Any:
        """The result of `code`, which must succeed."""
        return result(self.post(code, **members))

    def call(self, function: str, *args: Any, **members: Any) -> httpx.Response:
        return self.http.post("/v1/call", json={"function": function, "args": args, **members})

    def later(self, code: str, **members: Any) -> "Future[httpx.Response]":
        """Send the eval now, and get its answer later."""
        return self._threads.submit(self.post, code, **members)

    def status(self) -> dict[str, Any]:
        """`GET /v1/pool`."""
        answer: dict[str, Any] = self.http.get("/v1/pool").json()
        return answer

    def epochs(self) -> dict[str, int]:
        """Epoch by name of the runtime."""
        return {runtime["name"]: runtime["epoch"] for runtime in self.status()["runtimes"]}

    def wait_busy(self, in_flight: int = 1, queued: int = 0) -> None:
        """Until so many evals run and wait."""
        until(lambda: (self.status()["inFlight"], self.status()["queued"]) == (in_flight, queued))

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self.http.close()
        self.admin.close()


def result(response: httpx.Response) -> Any:
    """What a successful eval came to."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["result"]
    return body["result"]


def replacements(pool: RunningPool) -> dict[str, int]:
    """How many isolates were replaced, by cause."""
    found = {}
    for line in pool.admin.get("/metrics").text.splitlines():
        if line.startswith("tyrex_isolate_replacements_total{"):
            labels, value = line.rsplit(" ", 1)
            found[labels.split('cause="')[1].split('"')[0]] = int(float(value))
    return found


@contextmanager
def running(
    spec: Mapping[str, Any], config_maps: ConfigMaps | None = None, directory: Path | None = None
) -> Iterator[RunningPool]:
    """A pool with this `spec`, ready, or known not to become ready; it ends with the block."""
    ready: Future[tuple[int, int]] = Future()
    stop = threading.Event()
    sources = Sources(directory or Path.cwd(), config_maps or {})

    def host() -> None:
        try:
            uvloop.run(_host(PoolSpec.parse(spec), sources, ready, stop))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=host)
    thread.start()
    try:
        pool = RunningPool(*ready.result(60))
        try:
            yield pool
        finally:
            stop.set()
            thread.join(10)
            pool.close()
        assert not thread.is_alive(), "the pool did not end"
    finally:
        stop.set()
        thread.join(10)


async def _host(spec: PoolSpec, sources: Sources, ready: "Future[tuple[int, int]]", stop: threading.Event) -> None:
    pool = IsolatePool("test", spec, sources)
    try:
        metrics = Metrics(pool.describe, IsolateMetrics(pool.supervisor))
        service = await Service.open(Api(pool, metrics), Admin(pool, metrics), Address("127.0.0.1", 0, 0))
        try:
            pool.start()
            with suppress(NoRuntime):  # a test of just that
                await pool.wait_ready()
            ready.set_result((service.public.port, service.private.port))
            while not stop.is_set():
                await asyncio.sleep(0.01)
        finally:
            await service.close()
    finally:
        await pool.close()
