"""The supervisor's decisions about deadlines, with isolates that do what a test says; tests/local has real ones."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import pytest

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import RoundRobin
from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.model.errors import DeadRuntimeError, EvalTimeout, NoRuntime, QueueTimeout, TyrexError
from tyrex_pool.model.wire import EvalRequest
from tyrex_pool.pool.view import SlotState
from tyrex_pool.runtime import causes
from tyrex_pool.runtime.causes import Cause
from tyrex_pool.runtime.isolate import Isolate, LocalRuntime, LocalSlot, Phase
from tyrex_pool.runtime.launch import Launch
from tyrex_pool.runtime.supervisor import ATTEMPTS, Supervisor


class FakeIsolate:
    """`inbox` is the content of the pipe, as (ticket, status); `receive` handles it."""

    def __init__(self, owner: Supervisor) -> None:
        self.owner = owner
        self.phase = Phase.READY
        self.slot: LocalSlot | None = None
        self.inbox: list[tuple[Ticket, bytes]] = []
        self.sent: list[Ticket] = []
        self.ended: Cause | None = None
        self.not_begun: set[Ticket] = set()
        self.leftover = False
        self.cpu = None
        self.gone = asyncio.Event()
        self.gone.set()

    def send(self, ticket: Ticket, lease_end: float) -> None:
        self.sent.append(ticket)
        ticket.lease = lease_end

    def flush(self) -> None:
        pass

    @property
    def leftover_runs(self) -> bool:
        return self.leftover

    @property
    def runs(self) -> bool:
        return not self.not_begun

    def began(self, ticket: Ticket) -> bool:
        return ticket not in self.not_begun

    def learn_clock(self, clock_ms: bytes) -> None:
        pass

    def receive(self) -> None:
        while self.inbox:
            ticket, status = self.inbox.pop(0)
            self.owner.isolate_replied(cast("Isolate", self), ticket, status, b"1")
        self.owner.isolate_waits(cast("Isolate", self))

    def end(self, cause: Cause, settle: bool = False) -> None:
        self.ended = cause
        if cause is causes.HELD and self.not_begun:
            self.owner._balancer.lose(self.owner.runtimes[0].slot, self.began)


class Scene:
    """One runtime of capacity 1 with evals that have run for a second, and are over their deadline now."""

    def __init__(self, tickets: int) -> None:
        self.slot: LocalSlot = Slot("r0", 0, 1, 9, 16)
        self.balancer: Balancer[Ticket, LocalRuntime] = Balancer(RoundRobin())
        self.balancer.set_ready([self.slot])
        self.supervisor = Supervisor(cast("Launch", None), self.balancer, [self.slot], asyncio.get_running_loop())
        self.isolate = FakeIsolate(self.supervisor)
        self.isolate.slot = self.slot
        self.supervisor.runtimes[0].isolate = cast("Isolate", self.isolate)
        self.outcomes: dict[str, Any] = {}
        now = monotonic()
        self.tickets = [
            Ticket(EvalRequest("1"), str(number), now - 1, now - 0.1, self.deliver) for number in range(tickets)
        ]
        for ticket in self.tickets:
            self.balancer.submit(ticket)
        while (sent := self.balancer.take(self.slot, now - 1)) is not None:
            sent.lease = now - 0.9 if sent.state is State.STAGED else sent.deadline

    def deliver(self, ticket: Ticket, outcome: Any) -> None:
        assert ticket.key is not None
        assert ticket.key not in self.outcomes, "answered twice"
        self.outcomes[ticket.key] = type(outcome) if isinstance(outcome, TyrexError) else outcome

    def deadline(self, *tickets: int) -> None:
        self.balancer.overdue(monotonic())
        for number in tickets:
            self.supervisor.overdue(self.tickets[number])


def nothing(scene: Scene) -> None:
    pass


def finished(scene: Scene) -> None:
    scene.isolate.inbox = [(scene.tickets[0], b"result")]


def not_begun(scene: Scene) -> None:
    scene.isolate.not_begun = set(scene.tickets)


def leftover(scene: Scene) -> None:
    scene.isolate.leftover = True


def all_declined(scene: Scene) -> None:
    scene.isolate.inbox = [
        (scene.tickets[0], b"result"),
        (scene.tickets[1], b"declined"),
        (scene.tickets[2], b"declined"),
    ]


@pytest.mark.parametrize(
    ("in_the_pipe", "overdue", "outcomes", "replaced"),
    [
        pytest.param(nothing, 0, {"0": EvalTimeout}, True, id="it runs"),
        pytest.param(leftover, 0, {"0": DeadRuntimeError}, True, id="what an earlier one left runs instead"),
        pytest.param(not_begun, 0, {"0": QueueTimeout}, True, id="its turn has come, and it has not begun"),
        pytest.param(nothing, 2, {"2": QueueTimeout}, False, id="it is staged"),
        pytest.param(finished, 0, {"0": b"1"}, False, id="it has just been answered"),
        pytest.param(
            all_declined, 2, {"0": b"1", "1": QueueTimeout, "2": QueueTimeout}, False, id="both were just declined"
        ),
    ],
)
async def test_overdue(
    in_the_pipe: Callable[[Scene], None], overdue: int, outcomes: dict[str, Any], replaced: bool
) -> None:
    scene = Scene(3)
    in_the_pipe(scene)
    scene.deadline(overdue)
    assert scene.outcomes == outcomes
    assert (scene.isolate.ended is not None) == replaced


async def test_the_last_isolate_ends_while_starts_fail() -> None:
    """Nothing is started until the next attempt, which may be half a minute away: callers must not wait for it."""
    scene = Scene(3)
    supervisor, runtime = scene.supervisor, scene.supervisor.runtimes[0]
    supervisor._by_isolate[cast("Isolate", scene.isolate)] = runtime
    supervisor._starter._start_failed("not today")
    supervisor.isolate_ended(cast("Isolate", scene.isolate), Cause("exit", "it exited", by_itself=True))
    assert scene.outcomes == {"0": DeadRuntimeError, "1": NoRuntime, "2": NoRuntime}
    assert (runtime.state, runtime.reason) == (SlotState.FAILED, "not today")
    await supervisor.stop(0)


async def test_an_isolate_ends_before_it_began_what_it_had() -> None:
    """The eval waits for the next isolate; after three of them it is answered that it never ran."""
    scene = Scene(1)
    supervisor, runtime = scene.supervisor, scene.supervisor.runtimes[0]
    not_begun(scene)
    for ends in range(1, ATTEMPTS + 1):
        supervisor._by_isolate[cast("Isolate", scene.isolate)] = runtime
        supervisor._starter._start_failed("not today")
        supervisor._starter._pause = None
        supervisor._stopping = True  # starts nothing
        supervisor.isolate_ended(cast("Isolate", scene.isolate), causes.HELD)
        if ends < ATTEMPTS:
            assert scene.outcomes == {}
            assert scene.balancer.take(scene.slot, monotonic()) is scene.tickets[0]
    assert scene.outcomes == {"0": NoRuntime}
    assert supervisor.replacements == {"held": ATTEMPTS}
