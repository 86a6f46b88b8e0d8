"""How many lines of a batch are in flight."""

from collections import deque

import pytest

from tyrex_pool.dispatch.window import BEHIND, MOST, ROOM, WORK, Window


def opened(window: Window, size: int = 1, now: float = 0.0) -> int:
    """How many lines of that size start until it is closed."""
    count = 0
    while window.open:
        window.start(size, now)
        count += 1
    return count


def settled(pool: tuple[int, int, int], seconds: float) -> int:
    """The lines in flight after a while in that pool, whose evals take so long each."""
    window = Window()
    window.fit(*pool)
    size, concurrency, _ = pool
    now = 0.0
    flying = deque([now] * opened(window))
    for _ in range(2000):
        running = min(len(flying), size * concurrency)
        now += seconds / running  # as many run side by side
        flying.popleft()
        window.end(1, 1, now)
        flying.extend([now] * opened(window, 1, now))
    return len(flying)


@pytest.mark.parametrize(
    ("pool", "seconds", "most"),
    [
        pytest.param((2, 1, 100), 0.0001, 2 * (1 + BEHIND), id="quick: many wait behind those that run"),
        pytest.param((2, 1, 100), 0.005, 2 + int(2 * WORK / 0.005), id="5 ms: as many as have work for a while"),
        pytest.param((2, 1, 100), 1.0, 4, id="slow: one behind each that runs"),
        pytest.param((2, 1, 5), 0.0001, 12, id="quick: no more than the queue takes"),
        pytest.param((2, 4, 0), 0.0001, 8, id="no queue: as many as run"),
        pytest.param((1000, 10, 100), 0.00001, MOST, id="a huge pool"),
    ],
)
def test_what_waits_is_work_for_a_moment(pool: tuple[int, int, int], seconds: float, most: int) -> None:
    assert settled(pool, seconds) == pytest.approx(most, abs=1)


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        pytest.param((2, 1, 100), 4, id="one behind each that runs"),
        pytest.param((2, 3, 100), 8, id="more that run"),
        pytest.param((2, 1, 0), 2, id="no queue"),
        pytest.param((0, 1, 100), 1, id="parked: one, which says so"),
    ],
)
def test_it_begins_with_few(pool: tuple[int, int, int], most: int) -> None:
    window = Window()
    window.fit(*pool)
    assert opened(window) == most


def test_a_pause_of_the_sender_says_nothing_about_the_pool() -> None:
    window = Window()
    window.fit(1, 1, 100)
    now = 0.0
    for _ in range(1000):
        now += 10.0  # nothing in flight meanwhile
        for _ in range(10):
            window.start(1, now)
        for _ in range(10):
            now += 0.002
            window.end(1, 1, now)
    assert opened(window, 1, now) == pytest.approx(1 + 500 * WORK, abs=1)


def test_lines_that_end_make_room() -> None:
    window = Window()
    window.fit(1, 2, 0)
    assert opened(window) == 2
    window.end(1, 10, 0.0)
    assert opened(window) == 1


def test_lines_that_wait_again_are_no_answers() -> None:
    window = Window()
    window.fit(1, 1, 100)
    for _ in range(1000):
        window.start(1, 0.0)
        window.end(1, 0, 0.1)
    assert opened(window) == 2


def test_large_lines_are_fewer() -> None:
    window = Window()
    window.fit(100, 1, 100)
    window.start(10, 0.0)
    window.end(10, ROOM // 8, 0.0)
    assert opened(window, ROOM // 8) == 4


def test_large_answers_make_fewer_lines_and_small_ones_many_again() -> None:
    window = Window()
    window.fit(100, 1, 100)
    window.start(10, 0.0)
    window.end(10, ROOM // 4, 0.0)
    assert opened(window, 10) == 3
    for _ in range(3):
        window.end(10, 10, 0.0)
    for _ in range(1000):
        window.start(10, 0.0)
        window.end(10, 10, 0.0)
    assert opened(window, 10) == 200


def test_one_line_may_always_be_in_flight() -> None:
    window = Window()
    window.fit(0, 0, 0)
    window.start(1, 0.0)
    window.end(1, 10 * ROOM, 0.0)
    assert opened(window, 10 * ROOM) == 1
