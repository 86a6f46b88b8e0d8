import pytest

from tyrex_pool.plan.amounts import same_amount


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000m", "1"), (1, "1"), (0.5, "500m"), ("0.5", "500m"), ("1024Mi", "1Gi"), ("1e3", "1k"), ("1E3", "1k"),
        ("1E", "1000P"), ("1e-3", "1m"), ("1000u", "1m"), ("-1", "-1000m"), ("100.", "100"), ("1Ki", 1024),
    ],
)  # fmt: skip
def test_same(one: object, other: object) -> None:
    assert same_amount(one, other)
    assert same_amount(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "2"), ("1m", "1M"), ("1M", "1Mi"), ("a", "a"), ("", ""), (None, None), ("1 Gi", "1 Gi"), (True, "1")],
)
def test_not_same(one: object, other: object) -> None:
    assert not same_amount(one, other)
