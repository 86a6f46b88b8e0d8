"""pytest with one pool for all tests of a run.

pip install tyrex-pool pytest
pytest test_rules.py
"""

from collections.abc import Iterator

import pytest

from tyrex_pool import BlockingLocalPool, ExecutionError

RULES = "export const total = (prices) => prices.reduce((sum, price) => sum + price, 0);"


@pytest.fixture(scope="session")
def pool() -> Iterator[BlockingLocalPool]:
    with BlockingLocalPool(size=1, inline=RULES) as pool:
        yield pool


@pytest.mark.parametrize(("prices", "expected"), [([], 0), ([1, 2.5], 3.5)])
def test_total(pool: BlockingLocalPool, prices: list[float], expected: float) -> None:
    assert pool.call("total", prices) == expected


def test_no_list(pool: BlockingLocalPool) -> None:
    with pytest.raises(ExecutionError):
        pool.call("total", None)
