"""How many lines of a batch are in flight."""

import pytest

from tyrex_pool.dispatch.window import BEHIND, MOST, ROOM, Window


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        pytest.param((2, 1, 100), 2 * (1 + BEHIND), id="some wait behind those that run"),
        pytest.param((2, 4, 0), 8, id="no queue: as many as run"),
        pytest.param((3, 1, 5), 18, id="never more than the queue takes"),
        pytest.param((0, 1, 100), 1, id="parked: one, which says so"),
        pytest.param((1000, 1000, 100), MOST, id="a huge pool"),
    ],
)
def test_it_fits_the_pool(pool: tuple[int, int, int], most: int) -> None:
    window = Window()
    window.fit(*pool)
    assert opened(window, 1) == most


def opened(window: Window, size: int) -> int:
    """How many lines of that size start until it is closed."""
    count = 0
    while window.open:
        window.start(size)
        count += 1
    return count


def test_lines_that_end_make_room() -> None:
    window = Window()
    window.fit(1, 2, 0)
    assert opened(window, 10) == 2
    window.end(10, 10)
    assert opened(window, 10) == 1


def test_large_lines_are_fewer() -> None:
    window = Window()
    window.fit(100, 1, 100)
    assert opened(window, ROOM // 4) <= 5


def test_large_answers_make_fewer_lines_and_small_ones_many_again() -> None:
    window = Window()
    window.fit(100, 1, 100)
    window.start(10)
    window.end(10, ROOM // 4)
    assert opened(window, 10) == 3
    for _ in range(3):
        window.end(10, 10)
    for _ in range(1000):
        window.start(10)
        window.end(10, 10)
    assert opened(window, 10) > 1000


def test_one_line_may_always_be_in_flight() -> None:
    window = Window()
    window.fit(0, 0, 0)
    window.start(1)
    window.end(1, 10 * ROOM)
    assert opened(window, 10 * ROOM) == 1
