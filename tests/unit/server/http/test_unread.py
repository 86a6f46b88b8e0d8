"""Who is cut off, and when: readers that take what a test says, at times that a test says."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.server.http.unread import BOUND, LOG, LOOK, SETTLE, STALLED, STEP, Unread, bound_of

MIB = 1 << 20


class Client:
    """A client that has not taken `rest` bytes. It `writes` what it is sent, and takes nothing by itself."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.rest = 0
        self.looks = 0
        self.gone = False

    def left(self) -> int:
        self.looks += 1
        return self.rest

    def cut(self) -> None:
        assert not self.gone, "it is cut off twice"
        self.gone = True

    def take(self, size: int) -> None:
        self.rest -= size


def send(unread: Unread, client: Client, size: int, now: float) -> None:
    """An answer, none of which could be sent."""
    client.rest += size
    unread.wait(client, size, now)


def crowd(unread: Unread, count: int, size: int, now: float, apart: float = 0.0) -> list[Client]:
    """So many clients, each with an answer that it does not read, one `apart` seconds after the other."""
    clients = [Client(str(number)) for number in range(count)]
    for number, client in enumerate(clients):
        send(unread, client, size, now + number * apart)
    return clients


def gone(clients: list[Client]) -> list[int]:
    return [number for number, client in enumerate(clients) if client.gone]


@pytest.mark.parametrize(
    ("count", "size", "cut"),
    [
        pytest.param(1, 0, 0, id="nothing"),
        pytest.param(1, 100, 0, id="just the bound, by one"),
        pytest.param(1, 101, 1, id="one that is over it alone"),
        pytest.param(10, 10, 0, id="just the bound, by ten"),
        pytest.param(11, 10, 1, id="one too many"),
        pytest.param(12, 10, 2, id="two too many"),
        pytest.param(40, 33, 37, id="three have room"),
        pytest.param(101, 1, 1, id="one byte too many"),
        pytest.param(2, 60, 1, id="two that do not fit together"),
    ],
)
def test_the_oldest_are_cut_off_until_the_rest_is_within_the_bound(count: int, size: int, cut: int) -> None:
    unread = Unread(100)
    assert gone(crowd(unread, count, size, 0.0, apart=0.001)) == list(range(cut))
    assert unread.held == (count - cut) * size
    assert unread.cut_off == {"bound": cut, "stalled": 0}


def test_of_several_at_the_same_time_the_first_is_cut_off() -> None:
    assert gone(crowd(Unread(100), 6, 20, 5.0)) == [0]


def test_a_client_that_reads_slowly_but_steadily_stays() -> None:
    unread, slow = Unread(100), Client("slow")
    send(unread, slow, 50, 0.0)
    unread.sweep(1.0)
    for second in range(1, 50):
        slow.take(1)
        idle = crowd(unread, 6, 10, second + 0.5, apart=0.01)
        assert gone([slow, *idle]) == [1], "the first that reads nothing makes room"
        for client in idle:
            unread.done(client)
    slow.take(1)
    unread.done(slow)
    assert (slow.gone, unread.held) == (False, 0)


def test_of_two_that_read_the_one_that_took_something_longer_ago_is_cut_off() -> None:
    unread, one, other = Unread(100), Client(), Client()
    for client in (one, other):
        send(unread, client, 50, 0.0)
    unread.sweep(5.0)
    for client, now in ((other, 10.0), (one, 11.0)):
        client.take(5)
        unread.sweep(now)
    send(unread, Client(), 10, 11.0 + STEP)
    assert gone([one, other]) == [1]


@pytest.mark.parametrize(
    ("looks", "counts"),
    [
        pytest.param([], False, id="at once"),
        pytest.param([SETTLE / 2], False, id="soon"),
        pytest.param([SETTLE / 2, SETTLE * 0.9], False, id="still soon"),
        pytest.param([SETTLE], True, id="later"),
        pytest.param([SETTLE * 9], True, id="much later"),
    ],
)
def test_what_the_kernel_of_a_client_takes_by_itself_is_no_reading(looks: list[float], counts: bool) -> None:
    unread, early, late = Unread(100), Client(), Client()
    send(unread, early, 50, 0.0)
    send(unread, late, 50, 0.0005)
    for now in looks:
        early.take(5)
        unread.sweep(now)
    early.take(5)
    unread.sweep(10.0)
    send(unread, Client(), 10, 11.0)
    assert gone([early, late]) == ([1] if counts else [0])


@pytest.mark.parametrize("taken", [1, 30, 49])
def test_an_answer_counts_as_a_whole_until_its_last_byte_is_sent(taken: int) -> None:
    """Its transport keeps all of it: one that reads all but a little would hold memory that nobody counts."""
    unread, client = Unread(100), Client()
    send(unread, client, 50, 0.0)
    client.take(taken)
    unread.sweep(2.0)
    assert unread.held == 50
    unread.done(client)
    assert unread.held == 0


def test_of_several_answers_to_one_connection_those_that_were_sent_do_not_count() -> None:
    unread, stream = Unread(1000), Client()
    for now in range(10):
        send(unread, stream, 50, float(now))
    assert unread.held == 500
    stream.take(400)
    unread.sweep(11.0)
    assert unread.held == 150, "two that wait, and one that may be half sent"
    send(unread, stream, 20, 12.0)
    assert unread.held == 170
    unread.done(stream)
    assert unread.held == 0


def test_a_connection_that_more_and_more_waits_on_is_cut_off_itself() -> None:
    unread, stream = Unread(100), Client()
    for number in range(5):
        send(unread, stream, 25, float(number))
    assert (stream.gone, unread.held) == (True, 0)


def test_more_for_a_connection_is_no_reading() -> None:
    unread, stream, other = Unread(100), Client(), Client()
    send(unread, stream, 20, 0.0)
    send(unread, other, 20, 1.0)
    for now in range(2, 6):
        send(unread, stream, 20, float(now))
    assert gone([stream, other]) == [0]


@pytest.mark.parametrize(
    ("after", "cut"),
    [(STALLED - 1, False), (STALLED, False), (STALLED + 1, True), (STALLED * 100, True)],
)
def test_one_that_takes_nothing_for_long_is_cut_off(after: float, cut: bool) -> None:
    unread, client = Unread(), Client()
    send(unread, client, 1, 100.0)
    unread.sweep(100.0 + after)
    assert client.gone == cut
    assert unread.cut_off == {"bound": 0, "stalled": int(cut)}


def test_one_that_takes_a_byte_now_and_then_stays_however_long_it_takes() -> None:
    unread, client = Unread(), Client()
    send(unread, client, 1000, 0.0)
    for number in range(1, 1000):
        client.take(1)
        unread.sweep(number * (STALLED - 1))
        assert not client.gone
    unread.sweep(1000 * STALLED)
    assert client.gone


def test_one_that_has_all_is_not_looked_at_any_more() -> None:
    unread, client = Unread(), Client()
    send(unread, client, 10, 0.0)
    unread.done(client)
    unread.done(client)
    unread.sweep(1e6)
    assert not client.gone


def test_a_bound_that_changes_holds_for_the_next_answer() -> None:
    unread = Unread(100)
    clients = crowd(unread, 4, 25, 0.0, apart=0.1)
    unread.bound = 200
    clients += crowd(unread, 4, 25, 1.0, apart=0.1)
    assert gone(clients) == []
    unread.bound = 50
    send(unread, Client(), 25, 2.0)
    assert gone(clients) == [0, 1, 2, 3, 4, 5, 6]


def test_looking_costs_little_while_many_come() -> None:
    unread = Unread(100)
    clients = crowd(unread, 1000, 10, 0.0, apart=LOOK / 1000)
    assert len(gone(clients)) == 990
    assert max(client.looks for client in clients) <= 3


def test_the_log_has_one_line_for_many(caplog: pytest.LogCaptureFixture) -> None:
    unread = Unread(100)
    with caplog.at_level(logging.WARNING, "tyrex_pool"):
        crowd(unread, 30, 50, 0.0, apart=0.1)
        assert len(caplog.records) == 1
        crowd(unread, 30, 50, LOG + 1, apart=0.1)
        unread.sweep(2 * LOG + 20)
        unread.sweep(9 * LOG)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3, "the last sweep found nothing new"
    assert "1 when more than 100 bytes waited in all, 0 after 30 s" in lines[0]
    assert "58 when more than 100 bytes waited in all, 2 after 30 s" in lines[2]


@pytest.mark.parametrize(
    ("result", "processes", "bound"),
    [
        pytest.param(8 * MIB, 1, BOUND, id="default"),
        pytest.param(1024, 1, BOUND, id="small results"),
        pytest.param(100 * MIB, 1, 800 * MIB, id="eight of the largest have room"),
        pytest.param(MIB, 4, BOUND // 4, id="workers share it"),
        pytest.param(8 * MIB, 100, 64 * MIB, id="workers have room for eight"),
    ],
)
def test_the_bound(result: int, processes: int, bound: int) -> None:
    assert bound_of(result, processes) == bound


STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("sstdw"), st.integers(0, 60), st.floats(0, 20)), max_size=60
)


@given(STEPS)
def test_whatever_comes_the_sum_is_within_the_bound_and_right(steps: list[tuple[int, str, int, float]]) -> None:
    unread, now = Unread(100), 0.0
    clients = [Client(str(number)) for number in range(10)]
    for number, step, size, seconds in steps:
        now += seconds
        client = clients[number]
        if step == "s" and not client.gone:
            send(unread, client, size, now)
        elif step == "t":
            client.take(min(size, client.rest))
        elif step == "d":
            client.rest = 0
            unread.done(client)
        else:
            unread.sweep(now)
        assert 0 <= unread.held <= 100
        assert sum(client.gone for client in clients) == sum(unread.cut_off.values())
    for client in clients:
        unread.done(client)
    assert unread.held == 0
