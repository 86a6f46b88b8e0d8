"""The input of a plan: a pool as its user declared it, and the platform that it runs on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tyrex_pool.model.components import PodDefaults
from tyrex_pool.model.config_maps import Files
from tyrex_pool.model.spec import PoolSpec

Manifest = dict[str, Any]
"""A Kubernetes object as decoded JSON, or a part of one."""


class Ref(NamedTuple):
    """Names an object in the pool's namespace."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class DeclaredPool:
    """`uid` None: the pool is in no cluster. `config_maps`: the files of those that the spec refers to, by name.

    `labels`: the TyrexPool's own.
    """

    name: str
    namespace: str
    uid: str | None
    spec: PoolSpec
    config_maps: Mapping[str, Files] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings for every pool that does not override them; `operator_namespace`: that of the operator's own pods.

    `assigns_users`: the cluster assigns the user of each pod, as OpenShift does, so that no pod may name one.
    `runtime`, `proxy`: what lies below `spec.runtime` and `spec.proxy` of every pool.
    """

    runtime_image: str
    proxy_image: str
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    operator_namespace: str | None = None
    assigns_users: bool = False
    runtime: PodDefaults = field(default_factory=PodDefaults)
    proxy: PodDefaults = field(default_factory=PodDefaults)
