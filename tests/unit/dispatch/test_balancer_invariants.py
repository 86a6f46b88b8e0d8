"""Any sequence of events that isolates, callers and clocks may make, and what must hold after each."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.deadlines import TICK
from tyrex_pool.dispatch.strategies import RoundRobin
from tyrex_pool.dispatch.ticket import Slot, State, Ticket
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.wire import EvalRequest

CHOICE = st.integers(0, 10_000)


def number(ticket: Ticket) -> str:
    """The number of a ticket, which is its key: RoundRobin reads no keys."""
    assert ticket.key is not None
    return ticket.key


class Life(RuleBasedStateMachine):
    """`open`: tickets that were accepted and have not ended; `ended` has each at most once."""

    @initialize(
        size=st.integers(1, 3),
        capacity=st.integers(1, 3),
        queue=st.integers(0, 6),
        stage_limit=st.none() | st.integers(0, 3),
    )
    def start(self, size: int, capacity: int, queue: int, stage_limit: int | None) -> None:
        self.slots: list[Slot[Ticket, None]] = [
            Slot(str(index), index, capacity, queue, stage_limit) for index in range(size)
        ]
        self.balancer: Balancer[Ticket, None] = Balancer(RoundRobin())
        self.balancer.set_ready(self.slots)
        self.now = 0.0
        self.open: list[Ticket] = []
        self.ended: list[Ticket] = []
        self.count = 0

    def end(self, ticket: Ticket) -> None:
        assert ticket.state is State.DONE
        assert ticket not in self.ended
        self.open.remove(ticket)
        self.ended.append(ticket)

    def end_the_done(self) -> None:
        for ticket in [ticket for ticket in self.open if ticket.state is State.DONE]:
            self.end(ticket)

    def slot(self, choice: int) -> Slot[Ticket, None]:
        return self.slots[choice % len(self.slots)]

    @rule(patience=st.floats(0.0, 1.0))
    def submit(self, patience: float) -> None:
        self.count += 1
        ticket = Ticket(
            EvalRequest("1"), f"{self.count:06d}", self.now, self.now + patience, lambda ticket, outcome: None
        )
        try:
            slot = self.balancer.submit(ticket)
        except TyrexError:
            return
        assert next(reversed(slot.waiting)) is ticket
        self.open.append(ticket)

    @rule(choice=CHOICE)
    def take(self, choice: int) -> None:
        slot = self.slot(choice)
        line = [*slot.returned, *slot.waiting]
        staged = len(slot.staged)
        ticket = self.balancer.take(slot, self.now)
        assert ticket is None or ticket is line[0], "in order"
        if ticket is not None and ticket.state is State.STAGED:
            assert slot.staged[-1] is ticket
            assert len(slot.staged) == staged + 1
        free = slot.stage_limit is None or len(slot.running) < slot.capacity
        assert ticket is not None or not (line and free), "no place stays empty"

    @rule(choice=CHOICE, which=CHOICE, declines=st.booleans(), duration=st.floats(0.0, 0.05))
    def answer(self, choice: int, which: int, declines: bool, duration: float) -> None:
        slot = self.slot(choice)
        running = list(slot.running)
        if not running:
            return
        self.now += duration
        ticket = running[which % len(running)]
        behind = list(slot.staged)[:1]
        if declines:
            heard = ticket.deliver is not None
            self.balancer.decline(ticket, self.now)
            assert ticket.state is (State.WAITING if heard else State.DONE)
        else:
            self.balancer.finish(ticket, self.now)
        assert all(next_one.state is State.RUNNING for next_one in behind), "what lies behind it runs now"
        self.end_the_done()

    @rule(choice=CHOICE)
    def caller_leaves(self, choice: int) -> None:
        if self.open:
            ticket = self.open[choice % len(self.open)]
            waited = ticket.state is State.WAITING
            self.balancer.cancel(ticket)
            assert waited == (ticket.state is State.DONE)
            self.end_the_done()

    @rule(seconds=st.floats(0.0, 0.5))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        due = self.balancer.overdue(self.now)
        assert len(due) == len(set(due))
        for ticket in due:
            assert ticket.deadline <= self.now
            if ticket.state is not State.DONE:  # the rim kills the isolate; here it is only told
                ticket.deadline = self.now + TICK
                self.balancer.deadlines.add(ticket)
        self.end_the_done()
        late = [ticket for ticket in self.open if ticket.deadline + 2 * TICK < self.now]
        assert not late

    @rule(choice=CHOICE)
    def isolate_dies(self, choice: int) -> None:
        slot = self.slot(choice)
        running, staged, line = list(slot.running), list(slot.staged), [*slot.returned, *slot.waiting]
        assert self.balancer.lose(slot) == running
        assert not slot.running
        assert not slot.staged
        back = [ticket for ticket in staged if ticket.deliver is not None]
        assert [*slot.returned, *slot.waiting] == [*back, *line], "staged ones wait again, first"
        assert all(ticket.state is State.DONE for ticket in running)
        self.end_the_done()

    @rule(choice=CHOICE)
    def evict(self, choice: int) -> None:
        slot = self.slot(choice)
        line = [*slot.returned, *slot.waiting]
        assert self.balancer.evict(slot) == line
        assert not slot.returned
        assert not slot.waiting
        self.end_the_done()

    @rule(ready=st.sets(st.integers(0, 2)))
    def set_ready(self, ready: set[int]) -> None:
        self.balancer.set_ready([slot for slot in reversed(self.slots) if slot.index in ready])
        assert [slot.index for slot in self.balancer.ready] == sorted(
            slot.index for slot in self.slots if slot.index in ready
        )

    @invariant()
    def bounds(self) -> None:
        for slot in self.slots:
            own = len(slot.running) + len(slot.staged) + len(slot.returned) + len(slot.waiting)
            assert slot.own == own
            assert slot.in_flight + slot.queued == own
            assert slot.in_flight <= slot.capacity
            if slot.stage_limit is not None:
                assert len(slot.running) <= slot.capacity
                assert len(slot.staged) <= slot.stage_limit
                assert own <= slot.capacity + slot.queue
            assert not slot.staged or len(slot.running) == slot.capacity, "staged with a free place"

    @invariant()
    def every_ticket_is_in_one_place(self) -> None:
        places = {State.RUNNING: "running", State.STAGED: "staged"}
        for ticket in self.open:
            slot = ticket.slot
            assert slot is not None
            here = [name for name in ("running", "staged", "returned", "waiting") if ticket in getattr(slot, name)]
            assert here == [places[ticket.state]] if ticket.state in places else here in (["returned"], ["waiting"])
        assert sum(slot.own for slot in self.slots) == len(self.open)

    @invariant()
    def waiting_order(self) -> None:
        for slot in self.slots:
            fresh = [number(ticket) for ticket in slot.waiting]
            assert fresh == sorted(fresh), "first come, first served"
            assert not fresh or all(number(ticket) < fresh[0] for ticket in slot.returned), "before what came later"


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
