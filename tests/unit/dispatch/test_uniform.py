import random
from collections import Counter

import pytest

from tests.unit.dispatch.runtimes import picks, pool
from tyrex_pool.dispatch.uniform import Random


@pytest.mark.parametrize(
    ("loads", "among"),
    [
        pytest.param("0000000000", "abcdefghij", id="all free"),
        pytest.param("0101010101", "acegi", id="half free"),
        pytest.param("1111111001", "hi", id="few free"),
        pytest.param("1111111111", "abcdefghij", id="none free"),
    ],
)
def test_random_is_uniform(loads: str, among: str) -> None:
    drawn = Counter(picks(Random(random.Random(7)), pool(loads), 10_000))
    expected = 10_000 / len(among)
    assert sorted(drawn) == list(among)
    chi_square = sum((count - expected) ** 2 / expected for count in drawn.values())
    assert chi_square < {2: 10.83, 5: 18.47, 10: 27.88}[len(among)], "p < 0.001"


def test_random_repeats_with_its_seed() -> None:
    assert picks(Random(random.Random(3)), pool("000"), 20) == picks(Random(random.Random(3)), pool("000"), 20)
