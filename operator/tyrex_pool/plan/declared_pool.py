"""What a plan is made from: a pool as somebody wrote it, and where the operator would have it run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tyrex_pool.model.spec import PoolSpec

Manifest = dict[str, Any]
"""A Kubernetes object as JSON has it, or a part of one."""


class Ref(NamedTuple):
    """Which object, in the pool's namespace."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class DeclaredPool:
    """`uid` None: the pool is in no cluster. `config_maps`: those that the spec refers to, name -> key -> text."""

    name: str
    namespace: str
    uid: str | None
    spec: PoolSpec
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """What holds for every pool that does not say otherwise; `operator_namespace` is where the operator's pods are."""

    runtime_image: str
    proxy_image: str
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    operator_namespace: str | None = None
