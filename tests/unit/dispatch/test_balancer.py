"""Transcripts of events and decisions; the invariants are in test_balancer_invariants.py."""

from collections.abc import Sequence
from typing import Any

import pytest

from tyrex_pool.dispatch.balancer import STAGED_SECONDS, Balancer
from tyrex_pool.dispatch.custom import adapt
from tyrex_pool.dispatch.strategies import LeastLoaded, RoundRobin
from tyrex_pool.dispatch.strategy import Runtime
from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.model.errors import NoRuntime, Overloaded, StrategyError, TyrexError
from tyrex_pool.model.wire import EvalRequest


class Scene:
    """A pool of one strategy, and its tickets by the letter that is their key: RoundRobin reads no keys."""

    def __init__(self, size: int = 1, capacity: int = 1, queue: int = 9, stage_limit: int | None = 2) -> None:
        self.slots: list[Slot[Ticket, None]] = [
            Slot(f"r{index}", index, capacity, queue, stage_limit) for index in range(size)
        ]
        self.balancer: Balancer[Ticket, None] = Balancer(RoundRobin())
        self.balancer.set_ready(self.slots)
        self.tickets: dict[str, Ticket] = {}

    def ticket(self, name: str, deadline: float = 100.0) -> Ticket:
        self.tickets[name] = Ticket(EvalRequest("1"), name, 0.0, deadline, lambda ticket, outcome: None)
        return self.tickets[name]

    def play(self, event: str) -> str:
        """`"submit a"`, `"take"`, `"finish a"` …: what was decided, as a few words. Slot 0 is meant."""
        what, _, name = event.partition(" ")
        slot, balancer = self.slots[0], self.balancer
        match what:
            case "submit":
                try:
                    return balancer.submit(self.ticket(name)).name
                except TyrexError as error:
                    return error.name
            case "take":
                ticket = balancer.take(slot, 1.0)
                return f"{ticket.state.name} {ticket.key}" if ticket else "-"
            case "finish":
                balancer.finish(self.tickets[name], 1.0)
            case "slow":
                balancer.finish(self.tickets[name], 2.0)
            case "decline":
                balancer.decline(self.tickets[name], 1.0)
            case "cancel":
                balancer.cancel(self.tickets[name])
            case "lose":
                return works(balancer.lose(slot))
            case "evict":
                return works(balancer.evict(slot))
        return self.tickets[name].state.name


def works(tickets: Sequence[Ticket]) -> str:
    return " ".join(ticket.key or "" for ticket in tickets)


QUEUED = [("submit a", "r0"), ("submit b", "r0"), ("submit c", "r0")]
STAGED = [*QUEUED, ("take", "RUNNING a"), ("take", "STAGED b"), ("take", "STAGED c")]
TRANSCRIPTS = [
    pytest.param([("take", "-")], id="nothing to do"),
    pytest.param([("submit a", "r0"), ("take", "RUNNING a"), ("take", "-"), ("finish a", "DONE")], id="one eval"),
    pytest.param([*STAGED, ("submit d", "r0"), ("take", "-")], id="no more ahead than allowed"),
    pytest.param([*STAGED, ("finish a", "DONE"), ("finish b", "DONE"), ("finish c", "DONE")], id="staged ones run"),
    pytest.param(
        [*STAGED, ("submit d", "r0"), ("finish a", "DONE"), ("take", "STAGED d"), ("take", "-")],
        id="a promotion makes room ahead",
    ),
    pytest.param(
        [("submit a", "r0"), ("take", "RUNNING a"), ("slow a", "DONE"), *QUEUED, ("take", "RUNNING a"), ("take", "-")],
        id="nothing is staged behind slow ones",
    ),
    pytest.param(
        [*STAGED, ("submit d", "r0"), ("finish a", "DONE"), ("decline b", "WAITING"), ("decline c", "WAITING"),
         ("take", "RUNNING b"), ("take", "-"), ("finish b", "DONE"), ("take", "RUNNING c"), ("finish c", "DONE"),
         ("take", "RUNNING d")],
        id="declined ones go before those that came later, and nothing is staged for a while",
    ),
    pytest.param(
        [*STAGED, ("cancel b", "STAGED"), ("finish a", "DONE"), ("decline b", "DONE"), ("finish c", "DONE")],
        id="a declined one that nobody waits for is dropped",
    ),
    pytest.param([*QUEUED, ("cancel b", "DONE"), ("take", "RUNNING a"), ("take", "STAGED c")], id="a caller leaves"),
    pytest.param(
        [*QUEUED, ("take", "RUNNING a"), ("cancel a", "RUNNING"), ("finish a", "DONE"), ("take", "RUNNING b")],
        id="a caller leaves while its eval runs",
    ),
    pytest.param(
        [*STAGED, ("submit d", "r0"), ("lose", "a"), ("take", "RUNNING b"), ("take", "STAGED c"), ("take", "STAGED d")],
        id="what was staged in a dead isolate waits again, first",
    ),
    pytest.param(
        [*STAGED, ("cancel b", "STAGED"), ("lose", "a"), ("take", "RUNNING c"), ("take", "-")],
        id="a dead isolate drops what nobody waits for",
    ),
    pytest.param(
        [*STAGED, ("submit d", "r0"), ("finish a", "DONE"), ("decline b", "WAITING"), ("evict", "b d"), ("take", "-"),
         ("finish c", "DONE"), ("take", "-")],
        id="evicted: what waits, and only that",
    ),
]  # fmt: skip


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_transcript(transcript: list[tuple[str, str]]) -> None:
    scene = Scene()
    assert [(event, scene.play(event)) for event, _ in transcript] == transcript


@pytest.mark.parametrize(
    ("capacity", "queue", "stage_limit", "accepted"),
    [
        pytest.param(1, 0, 2, 1, id="no queue"),
        pytest.param(2, 3, 2, 5, id="capacity and queue"),
        pytest.param(2, 0, None, 99, id="a remote runtime knows its own queue"),
    ],
)
def test_overloaded(capacity: int, queue: int, stage_limit: int | None, accepted: int) -> None:
    scene = Scene(1, capacity, queue, stage_limit)
    decisions = [scene.play(f"submit {number}") for number in range(99)]
    assert decisions == ["r0"] * accepted + ["overloaded"] * (99 - accepted)
    assert scene.slots[0].own == accepted


def test_a_slot_with_its_own_queue_gets_all_at_once() -> None:
    scene = Scene(stage_limit=None)
    assert [scene.play(event) for event, _ in QUEUED] == ["r0"] * 3
    assert [scene.play("take") for _ in range(4)] == ["RUNNING a", "RUNNING b", "RUNNING c", "-"]


@pytest.mark.parametrize(
    ("own", "elsewhere", "in_flight", "queued"),
    [
        pytest.param(0, 0, 0, 0, id="idle"),
        pytest.param(1, 0, 1, 0, id="one"),
        pytest.param(5, 0, 2, 3, id="over capacity"),
        pytest.param(1, 4, 2, 3, id="others' load counts"),
    ],
)
def test_what_a_strategy_sees(own: int, elsewhere: int, in_flight: int, queued: int) -> None:
    slot: Slot[Ticket, None] = Slot("r0", 0, capacity=2, queue=9, stage_limit=2)
    slot.foreign_load = elsewhere
    slot.changed(own)
    assert (slot.in_flight, slot.queued) == (in_flight, queued)


def test_pace_forgets() -> None:
    scene = Scene()
    for name in ("submit a", "take", "slow a"):
        scene.play(name)
    assert scene.slots[0].mean_run_seconds > STAGED_SECONDS
    for _ in range(60):
        for name in ("submit a", "take", "finish a"):
            scene.play(name)
    assert scene.slots[0].mean_run_seconds < STAGED_SECONDS


def test_overdue_in_every_state() -> None:
    scene = Scene(stage_limit=1)
    balancer, slot = scene.balancer, scene.slots[0]
    for name, deadline in (("runs", 3.0), ("staged", 2.0), ("waits", 1.0), ("later", 9.0)):
        balancer.submit(scene.ticket(name, deadline))
    balancer.take(slot, 0.0)
    balancer.take(slot, 0.0)
    assert balancer.overdue(0.5) == []
    assert works(balancer.overdue(5.0)) == "waits staged runs"
    states = {name: ticket.state for name, ticket in scene.tickets.items()}
    assert states == {"runs": State.RUNNING, "staged": State.STAGED, "waits": State.DONE, "later": State.WAITING}
    assert balancer.overdue(5.5) == [], "each is told once"


def test_only_ready_runtimes_are_chosen() -> None:
    scene = Scene(size=3)
    scene.balancer.set_ready([scene.slots[2], scene.slots[0]])
    assert [scene.play(f"submit {name}") for name in "abcd"] == ["r0", "r2", "r0", "r2"]
    scene.balancer.set_ready([])
    assert scene.play("submit e") == "no_runtime"
    assert scene.play("take") == "RUNNING a", "what has a runtime keeps it"


class Chooses:
    def __init__(self, choice: Any) -> None:
        self.choice = choice

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        if isinstance(self.choice, Exception):
            raise self.choice
        chosen: Runtime | None = self.choice
        return chosen


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        pytest.param(None, NoRuntime, id="refuses"),
        pytest.param("r0", StrategyError, id="nonsense"),
        pytest.param(Slot[Ticket, None]("r0", 0, 1, 1, 1), StrategyError, id="another pool's"),
        pytest.param(KeyError("x"), StrategyError, id="raises"),
    ],
)
def test_a_strategy_that_fails(choice: Any, error: type[TyrexError]) -> None:
    scene = Scene()
    scene.balancer.use(adapt(Chooses(choice)))
    with pytest.raises(error):
        scene.balancer.submit(scene.ticket("a"))
    assert scene.slots[0].own == 0
    assert not scene.balancer.deadlines
    scene.balancer.use(LeastLoaded())
    assert scene.play("submit a") == "r0"


@pytest.mark.parametrize("full", [pytest.param(True, id="overloaded"), pytest.param(False, id="no runtime")])
def test_a_refused_ticket_leaves_no_trace(full: bool) -> None:
    scene = Scene(queue=0)
    if full:
        scene.balancer.submit(scene.ticket("a"))
    else:
        scene.balancer.set_ready([])
    before = scene.slots[0].own
    with pytest.raises((Overloaded, NoRuntime)):
        scene.balancer.submit(scene.ticket("b", 1.0))
    assert scene.slots[0].own == before
    assert scene.balancer.overdue(5.0) == []


def test_an_eval_that_one_runtime_could_not_take_goes_to_another() -> None:
    scene = Scene(size=3)
    for avoid in (0, 1, 2, 0, 0, 0):
        chosen = scene.balancer.submit(scene.ticket("a"), avoid=scene.slots[avoid])
        assert chosen is not scene.slots[avoid]
    scene.balancer.set_ready(scene.slots[:1])
    with pytest.raises(NoRuntime):
        scene.balancer.submit(scene.ticket("a"), avoid=scene.slots[0])
