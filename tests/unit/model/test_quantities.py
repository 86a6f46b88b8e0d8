import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.quantities import MAX_BYTES, Bytes, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        pytest.param("128Mi", 128 * 1024**2, id="mebibytes"),
        pytest.param("1Gi", 1024**3, id="gibibyte"),
        pytest.param("500k", 500_000, id="kilo"),
        pytest.param("1M", 1_000_000, id="mega"),
        pytest.param("1e6", 1_000_000, id="exponent"),
        pytest.param("2E", 2 * 10**18, id="exa"),
        pytest.param("2E3", 2000, id="capital-exponent"),
        pytest.param("1.5Gi", 3 * 1024**3 // 2, id="decimals"),
        pytest.param("0.1Ki", 103, id="rounded-up"),
        pytest.param("7", 7, id="digits"),
        pytest.param(134217728, 134217728, id="int"),
        pytest.param(0, 0, id="zero"),
    ],
)
def test_reads(raw: object, count: int) -> None:
    assert parse_quantity(raw) == count


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param("", "write a quantity such as 128Mi", id="empty"),
        pytest.param("128MB", "write a quantity such as 128Mi", id="MB"),
        pytest.param("128mi", "write a quantity such as 128Mi", id="lower-case"),
        pytest.param("128K", "write a quantity such as 128Mi", id="capital-kilo"),
        pytest.param("128m", "m is a thousandth", id="milli"),
        pytest.param("-1Mi", "write a quantity such as 128Mi", id="negative"),
        pytest.param("128 Mi", "write a quantity such as 128Mi", id="space"),
        pytest.param("128Mi\n", "write a quantity such as 128Mi", id="new-line"),
        pytest.param("1e-3", "write a quantity such as 128Mi", id="negative-exponent"),
        pytest.param("1e99", "between 0 and 8Ei", id="too-large"),
        pytest.param("1e999999999", "write a quantity such as 128Mi", id="absurd"),
        pytest.param(-1, "between 0 and 8Ei", id="negative-int"),
        pytest.param(2**63, "between 0 and 8Ei", id="too-large-int"),
        pytest.param(1.5, "write a quantity such as 128Mi", id="float"),
        pytest.param(True, "write a quantity such as 128Mi", id="bool"),
        pytest.param(None, "write a quantity such as 128Mi", id="null"),
    ],
)
def test_refuses_and_says_what_to_write(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_quantity(raw)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        pytest.param(0, "0", id="zero"),
        pytest.param(32 << 20, "32Mi", id="mebibytes"),
        pytest.param(1536 << 20, "1536Mi", id="no-fraction"),
        pytest.param(1 << 60, "1Ei", id="largest-unit"),
        pytest.param(1000, "1000", id="bytes"),
    ],
)
def test_writes(count: int, text: str) -> None:
    assert format_quantity(count) == str(Bytes(count)) == text


@given(st.integers(min_value=0, max_value=MAX_BYTES))
def test_what_is_written_reads_the_same(count: int) -> None:
    assert parse_quantity(format_quantity(count)) == count
