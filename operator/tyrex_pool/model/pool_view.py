"""The answer of `GET /v1/pool`: one type that servers encode, and that proxies and `tyrex-pool status` decode.

Versions of both ends may differ. Decoding passes over unknown members, and requires only the members that a proxy
needs of an agent: `ready`, `inFlight`, `queued`, and `capacity` and `epoch` of each runtime.
"""

from typing import Any, Final, Self

import msgspec
from msgspec import UNSET, UnsetType, field

from tyrex_pool.model.permissions import KINDS, Permissions, Rules
from tyrex_pool.model.wire import decode_json, encode_json


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A JSON object of the answer; members are encoded in the order of the fields."""


class StrategyView(View, frozen=True, kw_only=True):
    """The strategy in use, which need not be the manifest's.

    `custom` is the manifest's `strategy.custom`. `error` says why the manifest's strategy did not load.
    `class_` is the name of a custom strategy's class; other strategies have no such member.
    """

    type: str = ""
    custom: dict[str, Any] | None = None
    error: str | None = None
    class_: str | UnsetType = field(default=UNSET, name="class")


class PermissionsView(View, frozen=True, kw_only=True):
    """`spec.permissions`: the entries of each kind of permission."""

    default: str = "None"
    allow: dict[str, tuple[str, ...]] = field(default_factory=dict)
    deny: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, permissions: Permissions) -> Self:
        return cls(default=permissions.default, allow=_entries(permissions.allow), deny=_entries(permissions.deny))


class QueueView(View, frozen=True, kw_only=True):
    """`length`: how many evals may wait for each runtime."""

    length: int


class LastErrorView(View, frozen=True, kw_only=True):
    """The latest failure of a runtime that no answer to an eval reports. `at` is a time in ISO 8601."""

    name: str
    detail: str = ""
    at: str = ""


class RuntimeView(View, frozen=True, kw_only=True):
    """One runtime. `state` is a value of `SlotState`; `reason` says why the runtime takes no evals."""

    name: str = ""
    index: int = 0
    state: str = "Starting"
    reason: str | None = None
    in_flight: int = 0
    queued: int = 0
    capacity: int
    epoch: int


class PoolView(View, frozen=True, kw_only=True):
    """A pool as one server sees it. `generation` is that of the TyrexPool whose spec the server uses, if any."""

    name: str = ""
    generation: int | None = None
    ready: bool
    size: int = 0
    ready_runtimes: int = 0
    strategy: StrategyView = StrategyView()
    permissions: PermissionsView = field(default_factory=PermissionsView)
    concurrency: int = 1
    queue: QueueView | None = None
    in_flight: int
    queued: int
    last_error: LastErrorView | None = None
    runtimes: tuple[RuntimeView, ...]


_DECODER: Final = msgspec.json.Decoder(PoolView)


def encode_pool(view: PoolView) -> bytes:
    """The body of the answer."""
    return encode_json(view)


def decode_pool(body: bytes) -> PoolView:
    """What `encode_pool` of any version encoded. Raises ValueError for a body that is no such answer."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # what only the json module can read
        return pool_from_json(decode_json(body))


def pool_to_json(view: PoolView) -> dict[str, Any]:
    """The members of the answer, as the json module decodes them."""
    members: dict[str, Any] = msgspec.to_builtins(view)
    return members


def pool_from_json(document: object) -> PoolView:
    """The reverse of `pool_to_json`. Raises ValueError for a document that is no such answer."""
    return msgspec.convert(document, PoolView)


def _entries(rules: Rules) -> dict[str, tuple[str, ...]]:
    return {kind: rules.of(kind) for kind in KINDS}
