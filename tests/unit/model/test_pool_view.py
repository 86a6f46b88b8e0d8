import json
from typing import Any

import msgspec
import pytest

from tyrex_pool.model.permissions import Permissions, Rules
from tyrex_pool.model.pool_view import (
    LastErrorView,
    PermissionsView,
    PoolView,
    QueueView,
    RuntimeView,
    StrategyView,
    decode_pool,
    encode_pool,
    pool_from_json,
    pool_to_json,
)

PERMISSIONS = Permissions(allow=Rules(net=("a.example:443",), import_=("*",)), deny=Rules(read=("/etc",)))
NOTHING: dict[str, list[str]] = {kind: [] for kind in ("net", "read", "write", "env", "run", "ffi", "sys", "import")}
VIEW = PoolView(
    name="render",
    generation=3,
    ready=False,
    size=2,
    ready_runtimes=1,
    strategy=StrategyView(type="Custom", custom={"class": "Sticky", "options": {"a": [1]}}, class_="Sticky"),
    permissions=PermissionsView.of(PERMISSIONS),
    concurrency=4,
    queue=QueueView(length=100),
    in_flight=1,
    queued=2,
    last_error=LastErrorView(name="startup", detail="it threw", at="2026-01-02T03:04:05+00:00"),
    runtimes=(
        RuntimeView(name="render-0", index=0, state="Ready", in_flight=1, queued=2, capacity=4, epoch=7),
        RuntimeView(name="render-1", index=1, state="Failed", reason="it threw", capacity=4, epoch=0),
    ),
)
DOCUMENT: dict[str, Any] = {
    "name": "render",
    "generation": 3,
    "ready": False,
    "size": 2,
    "readyRuntimes": 1,
    "strategy": {
        "type": "Custom",
        "custom": {"class": "Sticky", "options": {"a": [1]}},
        "error": None,
        "class": "Sticky",
    },
    "permissions": {
        "default": "None",
        "allow": NOTHING | {"net": ["a.example:443"], "import": ["*"]},
        "deny": NOTHING | {"read": ["/etc"]},
    },
    "concurrency": 4,
    "queue": {"length": 100},
    "inFlight": 1,
    "queued": 2,
    "lastError": {"name": "startup", "detail": "it threw", "at": "2026-01-02T03:04:05+00:00"},
    "runtimes": [
        {
            "name": "render-0",
            "index": 0,
            "state": "Ready",
            "reason": None,
            "inFlight": 1,
            "queued": 2,
            "capacity": 4,
            "epoch": 7,
        },
        {
            "name": "render-1",
            "index": 1,
            "state": "Failed",
            "reason": "it threw",
            "inFlight": 0,
            "queued": 0,
            "capacity": 4,
            "epoch": 0,
        },
    ],
}


def test_every_member_in_order() -> None:
    assert encode_pool(VIEW) == json.dumps(DOCUMENT, separators=(",", ":")).encode()
    assert list(pool_to_json(VIEW)) == list(DOCUMENT)


def test_what_is_encoded_is_decoded() -> None:
    assert decode_pool(encode_pool(VIEW)) == VIEW
    assert pool_from_json(pool_to_json(VIEW)) == VIEW


def test_nulls_are_written_but_only_a_custom_strategy_has_a_class() -> None:
    view = PoolView(ready=True, strategy=StrategyView(type="Hash"), in_flight=0, queued=0, runtimes=())
    document = pool_to_json(view)
    assert document["strategy"] == {"type": "Hash", "custom": None, "error": None}
    assert (document["generation"], document["lastError"], document["queue"]) == (None, None, None)


def test_permissions_are_those_of_the_manifest() -> None:
    encoded = msgspec.json.encode(PermissionsView.of(PERMISSIONS))
    assert encoded == msgspec.json.encode(PERMISSIONS)


def test_members_of_other_versions_are_passed_over() -> None:
    runtime = DOCUMENT["runtimes"][0] | {"memory": 1}
    permissions = DOCUMENT["permissions"] | {"allow": {"teleport": ["x"]}}
    view = pool_from_json(DOCUMENT | {"novel": {}, "runtimes": [runtime], "permissions": permissions})
    assert view.runtimes == VIEW.runtimes[:1]


def test_an_answer_of_an_agent_needs_few_members() -> None:
    body = b'{"ready":true,"inFlight":0,"queued":0,"runtimes":[{"capacity":1,"epoch":5}]}'
    view = decode_pool(body)
    assert view.queue is None
    assert view.runtimes == (RuntimeView(capacity=1, epoch=5),)


def test_a_lone_surrogate_of_a_guest_survives() -> None:
    view = msgspec.structs.replace(VIEW, last_error=LastErrorView(name="startup", detail="\ud800"))
    assert decode_pool(encode_pool(view)) == view


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"name":3}', id="another type"),
        pytest.param(b'{"ready":true,"inFlight":0,"queued":0}', id="no runtimes"),
    ],
)
def test_another_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_pool(body)
