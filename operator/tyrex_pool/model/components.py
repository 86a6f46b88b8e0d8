"""The parts of a spec about the pods of runtimes and of proxies, and about the Service that leads to proxies."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.metadata import Annotations, Labels
from tyrex_pool.model.schema import Schema
from tyrex_pool.model.shares import Share

PullPolicy = Literal["Always", "IfNotPresent", "Never"]
ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]
Image = Annotated[str, Meta(min_length=1, max_length=512)]


class PodMetadata(Schema, frozen=True):
    """Labels and annotations of pods, beside our own."""

    labels: Labels = field(default_factory=Labels)
    annotations: Annotations = field(default_factory=Annotations)


class Rollout(Schema, frozen=True):
    """How pods are replaced. None: the component's usual surge, and no pod may be missing."""

    max_surge: Share | None = None
    max_unavailable: Share | None = None

    def __post_init__(self) -> None:
        stays = self.max_unavailable is None or self.max_unavailable.is_none
        if self.max_surge is not None and self.max_surge.is_none and stays:
            raise InvalidSpec(".maxUnavailable", "write 1 or more beside maxSurge: 0, or no pod could be replaced")


class DisruptionBudget(Schema, frozen=True):
    """How many pods may be evicted at once; not `enabled`: we limit nothing, and somebody else may."""

    enabled: bool = True
    max_unavailable: Share = Share("25%")


class PodDefaults(Schema, frozen=True):
    """`pod` is a partial PodSpec that is laid over ours."""

    pod: dict[str, Any] = field(default_factory=dict)
    pod_metadata: PodMetadata = field(default_factory=PodMetadata)


class Component(PodDefaults, frozen=True):
    """The runtimes' pods. `resources` are Kubernetes' own."""

    image: Image | None = None
    image_pull_policy: PullPolicy | None = None
    resources: dict[str, Any] = field(default_factory=dict)
    rollout: Rollout = Rollout()
    disruption_budget: DisruptionBudget = DisruptionBudget()


class ProxyService(Schema, frozen=True):
    """The Service that callers reach."""

    type: ServiceType = "ClusterIP"
    labels: Labels = field(default_factory=Labels)
    annotations: Annotations = field(default_factory=Annotations)


class ProxyComponent(Component, frozen=True):
    """The proxies' pods."""

    replicas: Annotated[int, Meta(ge=0, le=100)] = 2
    service: ProxyService = field(default_factory=ProxyService)
