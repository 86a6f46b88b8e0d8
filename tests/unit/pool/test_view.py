"""What a pool shows of itself, byte by byte."""

import random
from dataclasses import dataclass

from tyrex_pool.dispatch.custom import CustomStrategy, adapt
from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.strategy import DispatchStrategy, Unusable
from tyrex_pool.dispatch.ticket import Slot, Ticket
from tyrex_pool.model.pool_view import LastErrorView, encode_pool
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import encode_json
from tyrex_pool.pool.view import ExplainView, SlotState, describe, explain

LISTS = '"net":[],"read":[],"write":[],"env":[],"run":[],"ffi":[],"sys":[],"import":[]'
NET = LISTS.replace('"net":[]', '"net":["a.example:443"]')
PERMISSIONS = f'{{"default":"None","allow":{{{NET}}},"deny":{{{LISTS}}}}}'
CUSTOM = {"configMap": {"name": "mine", "key": "strategy.py"}, "class": "Chooser", "options": {"weights": [1, None]}}


@dataclass
class Shown:
    slot: Slot[Ticket, None]
    state: SlotState = SlotState.READY
    reason: str | None = None


class Chooser:
    def select(self, runtimes: object, key: str | None) -> None:
        return None


def runtime(index: int, state: SlotState = SlotState.READY, reason: str | None = None) -> Shown:
    return Shown(Slot(f"render-{index}", index, 2, 7, 16), state, reason)


def body(used: DispatchStrategy, *runtimes: Shown, **spec: object) -> str:
    permissions = {"allow": {"net": ["a.example:443"]}}
    parsed = PoolSpec.parse({"concurrency": 2, "queue": {"length": 7}, "permissions": permissions} | spec)
    last_error = LastErrorView(name="startup", detail="it threw", at="2026-01-02T03:04:05+00:00")
    return encode_pool(describe("render", parsed, used, runtimes, last_error, 3)).decode()


def strategy_of(text: str) -> str:
    return text.split('"strategy":')[1].split(',"permissions"')[0]


def test_the_answer_of_a_pool_byte_by_byte() -> None:
    busy, failed = runtime(0), runtime(1, SlotState.FAILED, "it threw")
    busy.slot.epoch = 1767322800000
    busy.slot.changed(+3)
    assert body(make("Hash", random.Random(1)), busy, failed) == (
        '{"name":"render","generation":3,"ready":false,"size":2,"readyRuntimes":1,'
        '"strategy":{"type":"Hash","custom":null,"error":null},'
        f'"permissions":{PERMISSIONS},"concurrency":2,"queue":{{"length":7}},"inFlight":2,"queued":1,'
        '"lastError":{"name":"startup","detail":"it threw","at":"2026-01-02T03:04:05+00:00"},"runtimes":['
        '{"name":"render-0","index":0,"state":"Ready","reason":null,"inFlight":2,"queued":1,"capacity":2,'
        '"epoch":1767322800000},'
        '{"name":"render-1","index":1,"state":"Failed","reason":"it threw","inFlight":0,"queued":0,"capacity":2,'
        '"epoch":0}]}'
    )


def test_the_strategy_in_use_is_shown() -> None:
    spec = {"strategy": {"type": "Custom", "custom": CUSTOM}}
    written = encode_json(CUSTOM).decode()
    assert strategy_of(body(adapt(Chooser()), **spec)) == (
        f'{{"type":"Custom","custom":{written},"error":null,"class":"Chooser"}}'
    )
    assert strategy_of(body(Unusable("strategy.py:1: no"), **spec)) == (
        f'{{"type":"Custom","custom":{written},"error":"strategy.py:1: no"}}'
    )
    assert strategy_of(body(make("Random", random.Random(1)), **spec)) == (
        f'{{"type":"Random","custom":{written},"error":null}}'
    )


def test_a_pool_is_ready_when_every_runtime_takes_evals() -> None:
    strategy = make("RoundRobin", random.Random(1))
    for states, ready in (
        ([SlotState.READY, SlotState.REPLACING], True),
        ([SlotState.READY, SlotState.STARTING], False),
        ([SlotState.READY], False),
    ):
        runtimes = [runtime(index, state) for index, state in enumerate(states)]
        assert describe("render", PoolSpec(), strategy, runtimes, None).ready is ready, states
    assert not describe("render", PoolSpec(), Unusable("no"), [runtime(0), runtime(1)], None).ready
    assert describe("render", PoolSpec.parse({"size": 0}), strategy, [], None).ready, "a parked pool"


def test_an_explanation() -> None:
    shown = runtime(1).slot
    assert explain((shown, "because"), "k") == ExplainView("k", "render-1", "because")
    assert encode_json(explain((None, "No."), None)) == b'{"key":null,"runtime":null,"reason":"No."}'
    assert isinstance(adapt(Chooser()), CustomStrategy)
