"""What a proxy makes of its TyrexPool and its ConfigMap, and of mistakes in them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.server.agents import until
from tests.unit.server.fake_cluster import FakeCluster
from tyrex_pool.dispatch.custom import CustomStrategy
from tyrex_pool.dispatch.strategy import Unusable
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.model.kinds import CONFIG_MAP, TYREX_POOL
from tyrex_pool.server.remote import follower as follower_module
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.remote.follower import Follower

FIRST = """
class First:
    def __init__(self, options):
        self.options = options
    def select(self, runtimes, key):
        return runtimes[0]
"""
CUSTOM = {"type": "Custom", "custom": {"configMap": {"name": "chooser", "key": "first.py"}, "class": "First"}}


class Told:
    """A pool that only remembers."""

    def __init__(self) -> None:
        self.definitions: list[Definition] = []
        self.reasons: list[str] = []

    def use_definition(self, definition: Definition) -> None:
        self.definitions.append(definition)

    def definition_unavailable(self, reason: str) -> None:
        self.reasons.append(reason)

    @property
    def last(self) -> Definition:
        return self.definitions[-1]

    async def next(self) -> Definition:
        """The definition after those that there are now."""
        count = len(self.definitions)
        await until(lambda: len(self.definitions) > count)
        return self.last

    async def error(self, text: str) -> None:
        """Until the strategy does not load, and says so with `text` in it."""
        await until(lambda: self.definitions and text in getattr(self.last.strategy, "reason", ""))


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
async def told(cluster: FakeCluster) -> AsyncIterator[Told]:
    told = Told()
    following = asyncio.create_task(Follower(cluster.watch, "web", "render", told).run())
    yield told
    assert not following.done()
    following.cancel()
    await asyncio.wait([following])


async def test_each_change_is_a_definition(cluster: FakeCluster, told: Told) -> None:
    cluster.put_pool({"size": 1})
    one = await told.next()
    cluster.put_pool({"size": 2, "strategy": {"type": "Hash"}, "timeouts": {"eval": "1s"}})
    two = await told.next()
    assert (one.spec.size, one.generation, one.strategy.name) == (1, 1, "RoundRobin")
    assert (two.spec.size, two.generation, two.strategy.name) == (2, 2, "Hash")
    assert float(two.spec.timeouts.eval) == 1.0
    assert cluster.watched == [("tyrexpools", "web", "metadata.name=render")]


async def test_a_strategy_that_stays_is_not_made_anew(cluster: FakeCluster, told: Told) -> None:
    cluster.put_pool({"size": 1})
    one = await told.next()
    cluster.put_pool({"size": 2})
    assert (await told.next()).strategy is one.strategy


async def test_a_strategy_that_goes_around_begins_at_its_share(cluster: FakeCluster) -> None:
    told = Told()
    following = asyncio.create_task(Follower(cluster.watch, "web", "render", told, 0.5).run())
    cluster.put_pool({"strategy": {"type": "LeastLoaded"}})
    definition = await told.next()
    following.cancel()
    slots: tuple[Slot[Ticket, None], ...] = tuple(Slot(str(index), index, 1, 1, None) for index in range(4))
    assert definition.strategy.select(slots, None) is slots[2]


async def test_a_change_of_the_status_alone_is_none(cluster: FakeCluster, told: Told) -> None:
    cluster.put_pool({"size": 1})
    await told.next()
    cluster.tell()
    cluster.tell()
    cluster.put_pool({"size": 2})
    await told.next()
    assert [definition.generation for definition in told.definitions] == [1, 2]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param({"size": -1}, "spec.size: write at least 0", id="out of bounds"),
        pytest.param({"permissions": {"denny": {}}}, "spec.permissions.denny: unknown field", id="misspelled"),
        pytest.param({"isolation": "PerEval"}, "spec.isolation: PerEval is not available", id="not built yet"),
    ],
)
async def test_what_is_not_valid_changes_nothing(
    cluster: FakeCluster, told: Told, caplog: pytest.LogCaptureFixture, spec: Any, said: str
) -> None:
    cluster.put_pool({"size": 1})
    await told.next()
    with caplog.at_level(logging.WARNING, "tyrex_pool"):
        cluster.put_pool(spec)
        await until(lambda: told.reasons and said in told.reasons[-1])
        cluster.tell()
        cluster.put_pool({"size": 3})
        assert (await told.next()).spec.size == 3
    assert len(told.definitions) == 2
    assert told.reasons[-1].startswith(f"its TyrexPool is not valid: {said}")
    assert [said in record.getMessage() for record in caplog.records] == [True]


async def test_there_is_no_such_pool(cluster: FakeCluster, told: Told) -> None:
    await until(lambda: told.reasons)
    assert told.reasons == ["there is no TyrexPool render in namespace web"]
    cluster.put_pool({"size": 1})
    await told.next()
    cluster.remove(TYREX_POOL, "render")
    await until(lambda: len(told.reasons) > 1)
    assert len(told.definitions) == 1


async def test_a_custom_strategy(cluster: FakeCluster, told: Told) -> None:
    cluster.put_map("chooser", **{"first.py": FIRST})
    options = {"weight": [1, 2]}
    cluster.put_pool({"strategy": {"type": "Custom", "custom": CUSTOM["custom"] | {"options": options}}})  # type: ignore[operator]
    definition = await told.next()
    assert definition.strategy.name == "First"
    assert isinstance(definition.strategy, CustomStrategy)
    assert vars(definition.strategy.strategy) == {"options": options}
    assert cluster.watched[-1] == ("configmaps", "web", "metadata.name=chooser")


async def test_it_is_told_once_its_source_is_read(cluster: FakeCluster, told: Told) -> None:
    cluster.put_pool({"size": 1})
    await told.next()
    cluster.silent.add(CONFIG_MAP)
    cluster.put_map("chooser", **{"first.py": FIRST})
    cluster.put_pool({"size": 2, "strategy": CUSTOM})
    await until(lambda: len(cluster.watched) == 2)
    cluster.put_pool({"size": 3, "strategy": CUSTOM})
    assert len(told.definitions) == 1
    cluster.speak(CONFIG_MAP)
    await until(lambda: told.last.generation == 4)
    assert told.last.spec.size == 3
    assert {definition.strategy.name for definition in told.definitions[1:]} == {"First"}


async def test_a_source_that_cannot_be_read(cluster: FakeCluster, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "PATIENCE", 0.01)
    cluster.silent.add(CONFIG_MAP)
    cluster.put_pool({"strategy": CUSTOM})
    await told.error("ConfigMap chooser cannot be read")
    cluster.put_map("chooser", **{"first.py": FIRST})
    cluster.speak(CONFIG_MAP)
    assert (await told.next()).strategy.name == "First"


async def test_every_mistake_in_a_strategy_heals_by_itself(cluster: FakeCluster, told: Told) -> None:
    cluster.put_pool({"strategy": CUSTOM})
    await told.error("there is no ConfigMap chooser: create it")
    cluster.put_map("chooser", other="x")
    await told.error("ConfigMap chooser has no key 'first.py'; it has other")
    cluster.put_map("chooser")
    await told.error("ConfigMap chooser has no key 'first.py'; it has none")
    cluster.put(CONFIG_MAP, "chooser", binaryData={"first.py": "/w=="})
    await told.error("key 'first.py' of ConfigMap chooser is no text; write it under data")
    cluster.put_map("chooser", **{"first.py": "class First"})
    await told.error("first.py:1: SyntaxError")
    cluster.put_map("chooser", **{"first.py": "class Second: pass"})
    await told.error("define `class First`")
    cluster.put_map("chooser", **{"first.py": FIRST})
    await until(lambda: told.last.strategy.name == "First")
    cluster.remove(CONFIG_MAP, "chooser")
    await told.error("there is no ConfigMap chooser")
    cluster.put_pool({"strategy": {"type": "Hash"}})
    await until(lambda: told.last.strategy.name == "Hash")


async def test_a_mistake_is_logged_once(cluster: FakeCluster, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tyrex_pool"):
        for size in (1, 2, 3):
            cluster.put_pool({"size": size, "strategy": CUSTOM})
            await until(lambda: told.definitions and told.last.spec.size == size)  # noqa: B023
    assert isinstance(told.last.strategy, Unusable)
    assert [record.getMessage() for record in caplog.records] == [
        "the strategy of TyrexPool render does not load: there is no ConfigMap chooser: create it"
    ]


async def test_another_reference_is_another_watch(cluster: FakeCluster, told: Told) -> None:
    cluster.put_map("chooser", **{"first.py": FIRST, "again.py": FIRST})
    cluster.put_pool({"strategy": CUSTOM})
    await told.next()

    def custom(**reference: str) -> Any:
        return {"type": "Custom", "custom": {"configMap": reference, "class": "First"}}

    cluster.put_pool({"strategy": custom(name="chooser", key="again.py")})
    await told.next()
    assert len(cluster.watched) == 2, "the same ConfigMap is not watched anew for another key"
    cluster.put_map("elsewhere", **{"first.py": FIRST.replace("runtimes[0]", "runtimes[-1]")})
    cluster.put_pool({"strategy": custom(name="elsewhere", key="first.py")})
    definition = await told.next()
    assert definition.strategy.select(("a", "b"), None) == "b"  # type: ignore[arg-type, comparison-overlap]
    cluster.put_map("chooser", **{"first.py": "broken"})
    cluster.put_map("elsewhere", **{"first.py": FIRST})
    await told.next()
    assert told.last.strategy.select(("a", "b"), None) == "a"  # type: ignore[arg-type, comparison-overlap]
