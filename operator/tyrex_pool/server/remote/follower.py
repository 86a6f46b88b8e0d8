"""A proxy's pool in a cluster: follows its TyrexPool, and the ConfigMap that holds a custom strategy.

A change of either reaches the pool as a new Definition. What cannot be used leaves the pool as it was: a TyrexPool
that is not valid entirely so, a strategy that does not load with an Unusable one in its place.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from tyrex_pool.dispatch import custom
from tyrex_pool.dispatch.strategies import Strategy, Unusable, begin, make
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec, InvalidStrategy
from tyrex_pool.model.kinds import CONFIG_MAP, TYREX_POOL
from tyrex_pool.model.spec import PoolSpec, StrategySpec
from tyrex_pool.server.remote.definition import Defined, Definition
from tyrex_pool.server.remote.endpoint_slices import Object, Watch

PATIENCE: Final = 5.0
"""Seconds that a ConfigMap may take to be read: our right to read it may come after the TyrexPool that names it."""

log = logging.getLogger("tyrex_pool")


class Follower:
    """Tells `pool` what the TyrexPool `namespace`/`name` says; `run` never ends by itself.

    A strategy that goes around begins at this `share` of the runtimes.
    """

    def __init__(self, watch: Watch, namespace: str, name: str, pool: Defined, share: float = 0.0) -> None:
        self._watch = watch
        self._namespace = namespace
        self._name = name
        self._pool = pool
        self._share = share
        self._seen: tuple[str, int] | None = None
        self._spec = PoolSpec()
        self._generation = 0
        self._source = Source(watch, namespace, self._settle)
        self._made_from: tuple[StrategySpec, str, str] | None = None
        self._made: Strategy | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            async for objects in self._watch(TYREX_POOL, self._namespace, fields=f"metadata.name={self._name}"):
                self._read(objects.get(f"{self._namespace}/{self._name}"), tasks)

    def _read(self, document: Object | None, tasks: asyncio.TaskGroup) -> None:
        if document is None:
            self._pool.definition_unavailable(f"there is no {names.KIND} {self._name} in namespace {self._namespace}")
            return
        version = (document["metadata"]["uid"], document["metadata"]["generation"])
        if version == self._seen:
            return  # only its status has changed
        self._seen = version
        try:
            self._spec = PoolSpec.parse(document.get("spec"))
        except InvalidSpec as error:
            log.warning("%s %s is not valid and not followed: %s", names.KIND, self._name, error)
            self._pool.definition_unavailable(f"its {names.KIND} is not valid: {error}")
            return
        self._generation = version[1]
        own = self._spec.strategy.custom
        self._source.follow(own.config_map.name if own else None, tasks)
        self._settle()

    def _settle(self) -> None:
        """Tell the pool, once all that it depends on is known."""
        if self._source.known:
            self._pool.use_definition(Definition(self._spec, self._strategy(), self._generation))

    def _strategy(self) -> Strategy:
        """The one that there is, unless what it was made from has changed."""
        spec, text, problem = self._spec.strategy, "", ""
        try:
            text = self._source.text(spec.custom.config_map.key) if spec.custom else ""
        except InvalidStrategy as error:
            problem = str(error)
        made_from = (spec, text, problem)
        if self._made is None or made_from != self._made_from:
            self._made = Unusable(problem) if problem else _loaded(spec, text)
            begin(self._made, self._share)
            self._made_from = made_from
            if isinstance(self._made, Unusable):
                log.warning("the strategy of %s %s does not load: %s", names.KIND, self._name, self._made.reason)
        return self._made


class Source:
    """The ConfigMap of a custom strategy. `changed` is called when there is something new to read."""

    def __init__(self, watch: Watch, namespace: str, changed: Callable[[], None]) -> None:
        self.known = True
        self._watch = watch
        self._namespace = namespace
        self._changed = changed
        self._name: str | None = None
        self._document: Object | None = None
        self._problem = ""
        self._following: asyncio.Task[None] | None = None

    def follow(self, name: str | None, tasks: asyncio.TaskGroup) -> None:
        """From now on it is the ConfigMap `name`; None: there is none, and nothing to wait for."""
        if name == self._name:
            return
        if self._following is not None:
            self._following.cancel()
        self._name, self._document, self.known = name, None, name is None
        self._following = tasks.create_task(self._follow(name)) if name is not None else None

    async def _follow(self, name: str) -> None:
        late = asyncio.get_running_loop().call_later(PATIENCE, self._late, name)
        try:
            async for objects in self._watch(CONFIG_MAP, self._namespace, fields=f"metadata.name={name}"):
                late.cancel()
                self._learn(objects.get(f"{self._namespace}/{name}"), f"there is no ConfigMap {name}: create it")
        finally:
            late.cancel()

    def _late(self, name: str) -> None:
        self._learn(None, f"ConfigMap {name} cannot be read: the log of the proxy says why")

    def _learn(self, document: Object | None, problem: str) -> None:
        self._document, self._problem, self.known = document, problem, True
        self._changed()

    def text(self, key: str) -> str:
        """What `key` holds. Raises InvalidStrategy."""
        if self._document is None:
            raise InvalidStrategy(self._problem)
        data = self._document.get("data") or {}
        if key not in data:
            there = f"it has {', '.join(sorted(data))}" if data else "it has none"
            raise InvalidStrategy(f"ConfigMap {self._name} has no key {key!r}; {there}")
        text: str = data[key]
        return text


def _loaded(spec: StrategySpec, text: str) -> Strategy:
    """The strategy, made anew; `text` is the source of a custom one."""
    if spec.custom is None:
        return make(spec.type, random.Random())
    try:
        return custom.load(text, spec.custom.class_, spec.custom.options, spec.custom.config_map.key)
    except InvalidStrategy as error:
        return Unusable(str(error))
