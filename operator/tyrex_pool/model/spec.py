"""A TyrexPool's `spec`, parsed once at the edge: after that every field is present, typed and in bounds.

The CRD says the same to the API server, defaults included; a contract test proves that both agree.
"""

from typing import Annotated, Any, Final, Literal, Self

from msgspec import Meta, field

from tyrex_pool.model.components import Component, ProxyComponent
from tyrex_pool.model.durations import Seconds
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.permissions import Permissions
from tyrex_pool.model.quantities import Bytes
from tyrex_pool.model.schema import Schema, convert
from tyrex_pool.model.text import LONE_SURROGATE, find_surrogate

MIN_HEAP: Final = Bytes(32 << 20)

StrategyType = Literal["RoundRobin", "Random", "Hash", "LeastLoaded", "Custom"]

ConfigMapName = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?\Z")]
ConfigMapKeyName = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[-_a-zA-Z0-9][-._a-zA-Z0-9]*\Z")]
ClassName = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Inline = Annotated[str, Meta(min_length=1, max_length=524_288)]


class ConfigMapKey(Schema, frozen=True):
    """One file in a ConfigMap of the pool's namespace."""

    name: ConfigMapName
    key: ConfigMapKeyName


class ConfigMapModule(Schema, frozen=True):
    """A ConfigMap whose keys are files; `entrypoint` is the one that is loaded."""

    name: ConfigMapName
    entrypoint: ConfigMapKeyName


class CustomStrategy(Schema, frozen=True):
    """A Python class in a ConfigMap; `options` (free-form) are handed to it."""

    config_map: ConfigMapKey
    class_: ClassName = field(name="class")
    options: dict[str, Any] = field(default_factory=dict)


class StrategySpec(Schema, frozen=True):
    """How the runtime of an eval is chosen; `custom` is present exactly with type Custom."""

    type: StrategyType = "RoundRobin"
    custom: CustomStrategy | None = None

    def __post_init__(self) -> None:
        if self.type == "Custom" and self.custom is None:
            raise InvalidSpec(".custom", "is missing; type Custom needs custom: {configMap, class}")
        if self.type != "Custom" and self.custom is not None:
            raise InvalidSpec(".custom", f"leave it out, or write type: Custom instead of {self.type}")


class MainModule(Schema, frozen=True):
    """The code a runtime loads before its first eval: exactly one of the three is not None."""

    path: Path | None = None
    config_map: ConfigMapModule | None = None
    inline: Inline | None = None

    def __post_init__(self) -> None:
        given = [
            name
            for name, value in (("path", self.path), ("configMap", self.config_map), ("inline", self.inline))
            if value is not None
        ]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise InvalidSpec("", f"write exactly one of path, configMap, inline, not {found}")


class Queue(Schema, frozen=True):
    """`length`: evals that may wait, per runtime."""

    length: Annotated[int, Meta(ge=0, le=100_000)] = 100


class Timeouts(Schema, frozen=True):
    """In seconds. `eval` is the default deadline of an eval, `max_eval` the longest a caller may ask for.

    `cpu` is the CPU time of one eval, None for any: only where evals run one at a time.
    """

    eval: Seconds = Seconds(5)
    max_eval: Seconds = Seconds(60)
    startup: Seconds = Seconds(30)
    drain: Seconds = Seconds(30)
    cpu: Seconds | None = None

    def __post_init__(self) -> None:
        times = (("eval", self.eval), ("maxEval", self.max_eval), ("startup", self.startup), ("cpu", self.cpu))
        for name, value in times:
            if value is not None and value <= 0:
                raise InvalidSpec(f".{name}", f"write more than 0s, not {value}")
        if self.max_eval < self.eval:
            raise InvalidSpec(".maxEval", f"write at least timeouts.eval ({self.eval}), not {self.max_eval}")


class Limits(Schema, frozen=True):
    """In bytes. `heap` of one isolate; `request`, `result` and `console` (what an answer carries of it) of one eval."""

    heap: Bytes = Bytes(128 << 20)
    request: Bytes = Bytes(1 << 20)
    result: Bytes = Bytes(8 << 20)
    console: Bytes = Bytes(64 << 10)

    def __post_init__(self) -> None:
        if self.heap < MIN_HEAP:
            raise InvalidSpec(".heap", f"write at least {MIN_HEAP}, not {self.heap}")
        for name, value in (("request", self.request), ("result", self.result), ("console", self.console)):
            if value < 1:
                raise InvalidSpec(f".{name}", f"write more than 0, not {value}")


class Recycle(Schema, frozen=True):
    """When a healthy isolate is replaced nevertheless; 0 is never. `max_age` in seconds."""

    max_evals: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    max_age: Seconds = Seconds(0)


class Access(Schema, frozen=True):
    """Who may call the pool, and how they prove it."""

    from_: Literal["Namespace", "Cluster"] = field(default="Namespace", name="from")
    authentication: Literal["None", "ServiceAccount"] = "None"


class PoolSpec(Schema, frozen=True):
    """A whole `spec`; `PoolSpec()` is that of `spec: {}`. Change one with `msgspec.structs.replace`."""

    size: Annotated[int, Meta(ge=0, le=1000)] = 2
    strategy: StrategySpec = StrategySpec()
    permissions: Permissions = Permissions()
    main_module: MainModule | None = None
    isolation: Literal["Shared", "PerEval"] = "Shared"
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 1
    queue: Queue = Queue()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    recycle: Recycle = Recycle()
    access: Access = Access()
    runtime: Component = field(default_factory=Component)
    proxy: ProxyComponent = field(default_factory=ProxyComponent)

    def __post_init__(self) -> None:
        if self.timeouts.cpu is not None and self.concurrency != 1:
            problem = f"it needs concurrency: 1, not {self.concurrency}: else nobody knows which eval used the time"
            raise InvalidSpec(".timeouts.cpu", problem)

    @classmethod
    def parse(cls, raw: object, path: str = "spec") -> Self:
        """The spec that JSON or YAML decoded to `raw` (None: all default).

        Raises InvalidSpec, with a path below `path`, for what the CRD refuses and for what this version cannot do.
        """
        if wrong := find_surrogate(raw, path):
            raise InvalidSpec(wrong, LONE_SURROGATE)
        spec = convert({} if raw is None else raw, cls, path)
        _require_supported(spec, path)
        return spec


def _require_supported(spec: PoolSpec, path: str) -> None:
    """Raises InvalidSpec for what the CRD allows and this version does not do: a pool must not run with less."""
    if spec.isolation != "Shared":
        problem = f"{spec.isolation} is not available yet; write Shared, or wait for it"
        raise InvalidSpec(f"{path}.isolation", problem)
    if spec.access.authentication != "None":
        problem = f"{spec.access.authentication} is not available yet; write None, and keep others away yourself"
        raise InvalidSpec(f"{path}.access.authentication", problem)
