"""Follows the TyrexPool of a proxy's pool in a cluster, and the ConfigMap that holds a custom strategy.

A change of either reaches the pool as a new Definition. A TyrexPool that is not valid leaves the pool as it was; a
strategy that does not load is replaced by an Unusable one.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from tyrex_pool.dispatch import custom_source
from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.strategy import DispatchStrategy, Unusable
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec, InvalidStrategy
from tyrex_pool.model.kinds import CONFIG_MAP, TYREX_POOL
from tyrex_pool.model.spec import PoolSpec, StrategySpec
from tyrex_pool.server.remote.definition import DefinedPool, Definition
from tyrex_pool.server.remote.endpoint_slices import Object, Watch

PATIENCE: Final = 5.0
"""Seconds that a ConfigMap may take to be read: our permission for it may come after the TyrexPool that names it."""

log = logging.getLogger("tyrex_pool")


class Follower:
    """Gives `pool` the definitions that the TyrexPool `namespace`/`name` contains; `run` never ends by itself.

    A strategy that goes around the runtimes starts at this `share` of the way.
    """

    def __init__(self, watch: Watch, namespace: str, name: str, pool: DefinedPool, share: float = 0.0) -> None:
        self._watch = watch
        self._namespace = namespace
        self._name = name
        self._pool = pool
        self._share = share
        self._seen: tuple[str, int] | None = None
        self._spec = PoolSpec()
        self._generation = 0
        self._source = StrategySource(watch, namespace, self._use_if_known)
        self._made_from: tuple[StrategySpec, str, str] | None = None
        self._made: DispatchStrategy | None = None

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
        self._use_if_known()

    def _use_if_known(self) -> None:
        """Give the pool its definition, once the ConfigMap that it depends on is known."""
        if self._source.known:
            self._pool.use_definition(Definition(self._spec, self._strategy(), self._generation))

    def _strategy(self) -> DispatchStrategy:
        """The strategy in use, or a new one if its source has changed."""
        spec, text, problem = self._spec.strategy, "", ""
        try:
            text = self._source.text(spec.custom.config_map.key) if spec.custom else ""
        except InvalidStrategy as error:
            problem = str(error)
        made_from = (spec, text, problem)
        if self._made is None or made_from != self._made_from:
            self._made = Unusable(problem) if problem else _loaded(spec, text)
            self._made.start_at(self._share)
            self._made_from = made_from
            if isinstance(self._made, Unusable):
                log.warning("the strategy of %s %s does not load: %s", names.KIND, self._name, self._made.reason)
        return self._made


class StrategySource:
    """The ConfigMap of a custom strategy. `changed` is called when it was read, or could not be read in time."""

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
        """From now on follow the ConfigMap `name`; None: the strategy needs none."""
        if name == self._name:
            return
        if self._following is not None:
            self._following.cancel()
        self._name, self._document, self.known = name, None, name is None
        self._following = tasks.create_task(self._follow(name)) if name is not None else None

    async def _follow(self, name: str) -> None:
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._not_in_time, name)
        try:
            async for objects in self._watch(CONFIG_MAP, self._namespace, fields=f"metadata.name={name}"):
                timer.cancel()
                self._set(objects.get(f"{self._namespace}/{name}"), f"there is no ConfigMap {name}: create it")
        finally:
            timer.cancel()

    def _not_in_time(self, name: str) -> None:
        self._set(None, f"ConfigMap {name} cannot be read: the log of the proxy says why")

    def _set(self, document: Object | None, problem: str) -> None:
        self._document, self._problem, self.known = document, problem, True
        self._changed()

    def text(self, key: str) -> str:
        """The value of `key`. Raises InvalidStrategy."""
        if self._document is None:
            raise InvalidStrategy(self._problem)
        data = self._document.get("data") or {}
        if key in (self._document.get("binaryData") or {}):
            raise InvalidStrategy(f"key {key!r} of ConfigMap {self._name} is no text; write it under data")
        if key not in data:
            keys = f"it has {', '.join(sorted(data))}" if data else "it has none"
            raise InvalidStrategy(f"ConfigMap {self._name} has no key {key!r}; {keys}")
        text: str = data[key]
        return text


def _loaded(spec: StrategySpec, text: str) -> DispatchStrategy:
    """A new strategy; `text` is the source of a custom one."""
    if spec.custom is None:
        return make(spec.type, random.Random())
    try:
        return custom_source.load(text, spec.custom.class_, spec.custom.options, spec.custom.config_map.key)
    except InvalidStrategy as error:
        return Unusable(str(error))
