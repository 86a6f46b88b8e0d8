"""The parent over real worker processes that cannot start; tests/local has those that serve."""

import asyncio
import signal
from pathlib import Path

import pytest

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.hosting.proxy_options import ListedRuntimes, ProxyOptions
from tyrex_pool.hosting.workers.group import WorkerGroup, supervise
from tyrex_pool.hosting.workers.messages import Orders
from tyrex_pool.hosting.workers.process import WorkerProcess
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.service import Address
from tyrex_pool.server.telemetry.merged_metrics import MergedMetrics


def options(file: Path) -> ProxyOptions:
    listen = Address("127.0.0.1", 0, 0)
    return ProxyOptions(ServerOptions("proxy", listen), ListedRuntimes((Endpoint("127.0.0.1", 9),), str(file)), 2)


async def test_a_failure_of_every_worker_is_the_parent_s(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.yaml: No such file"):
        await asyncio.wait_for(supervise(options(tmp_path / "nowhere.yaml"), asyncio.Event()), 60)


async def test_a_group_that_has_not_started_is_healthy_and_not_ready(tmp_path: Path) -> None:
    stop = asyncio.Event()
    group = WorkerGroup([Orders(options(tmp_path), number) for number in range(2)], stop)
    assert await group.healthy()
    assert await group.readiness() == (False, "worker 0: it is starting")
    stop.set()
    assert await group.readiness() == (False, "the server is draining")


async def test_a_process_reports_why_it_could_not_start(tmp_path: Path) -> None:
    started, stop = asyncio.Event(), asyncio.Event()
    worker = WorkerProcess(Orders(options(tmp_path / "nowhere.yaml"), 1), started, stop, MergedMetrics())
    keeping = asyncio.create_task(worker.keep())
    try:
        await asyncio.wait_for(worker.tried.wait(), 60)
        assert worker.pool is None
        state = await worker.state()
        assert not state.ready
        assert state.reason is not None
        assert state.reason.endswith("nowhere.yaml: No such file or directory")
    finally:
        stop.set()
        started.set()
        worker.signal(signal.SIGKILL)
        await asyncio.wait_for(keeping, 60)
