"""The files and ConfigMaps that a manifest refers to, on this machine, and the strategy that one of them holds."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tyrex_pool.dispatch import custom_source
from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.strategy import DispatchStrategy
from tyrex_pool.model.config_maps import Files
from tyrex_pool.model.errors import InvalidStrategy
from tyrex_pool.model.spec import StrategySpec


@dataclass(frozen=True, slots=True)
class Sources:
    """Relative paths are relative to `directory`; `config_maps` are the files of each by its name."""

    directory: Path
    config_maps: Mapping[str, Files]


def strategy_of(spec: StrategySpec, sources: Sources) -> DispatchStrategy:
    """The strategy that a manifest asks for. Raises InvalidStrategy."""
    if spec.custom is None:
        return make(spec.type, random.Random())
    reference = spec.custom.config_map
    try:
        source = sources.config_maps[reference.name][reference.key]
    except KeyError:
        raise InvalidStrategy(
            f"there is no key {reference.key!r} in a ConfigMap {reference.name!r}; put it into the same file"
        ) from None
    if isinstance(source, bytes):
        raise InvalidStrategy(f"key {reference.key!r} of ConfigMap {reference.name!r} is no text; write it under data")
    return custom_source.load(source, spec.custom.class_, spec.custom.options, reference.key)
