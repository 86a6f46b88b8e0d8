"""Failed starts; tests/local starts real isolates."""

import asyncio
from pathlib import Path
from typing import cast

from tests.unit.server.agents import until
from tyrex_pool.runtime.causes import Cause
from tyrex_pool.runtime.channel import IsolateLimits
from tyrex_pool.runtime.deno_caches import DenoCaches
from tyrex_pool.runtime.isolate import Isolate, Owner
from tyrex_pool.runtime.isolate_starter import IsolateStarter
from tyrex_pool.runtime.launch import Launch


class Starts:
    """A starter whose Deno does not exist; `retries` counts the ends of its pauses."""

    def __init__(self, folder: Path) -> None:
        self.retries = 0
        owner = cast("Owner", None)  # no isolate ever starts, so there is nobody to notify
        limits, caches = IsolateLimits(1, 1, 1), DenoCaches(folder, {}, False)
        launch = Launch(
            ("/nonexistent/deno",), "/", {}, limits, startup=1.0, heap=1, console=1, caches=caches, writes_files=False
        )
        self.starter = IsolateStarter(launch, owner, asyncio.get_running_loop(), self.retry)

    def retry(self) -> None:
        self.retries += 1


async def test_a_failed_start_pauses_and_is_retried(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    starts.starter.ensure(3)
    assert starts.starter.paused
    assert (starts.starter.failure or "").startswith("Deno does not start: ")
    assert (starts.starter.has_spare, starts.starter.take_spare()) == (False, None)
    await until(lambda: starts.retries == 1)
    assert not starts.starter.paused
    starts.starter.close()
    assert is_empty(tmp_path), "what it made for its isolates is removed"


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


class FakeIsolate:
    def __init__(self, sent: int) -> None:
        self.sent = sent


async def test_an_isolate_that_ends_itself_before_its_first_eval_counts_as_a_failed_start(tmp_path: Path) -> None:
    exited = Cause("exit", "it exited", by_itself=True)
    for sent, by_itself, paused in ((0, True, True), (1, True, False), (0, False, False)):
        starts = Starts(tmp_path)
        cause = exited if by_itself else Cause("deadline", "late")
        starts.starter.count_end(cast("Isolate", FakeIsolate(sent)), cause)
        assert starts.starter.paused is paused, (sent, by_itself)
        starts.starter.close()
