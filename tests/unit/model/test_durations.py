import pytest
from hypothesis import given
from hypothesis import strategies as st

from tyrex_pool.model.durations import Seconds, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("0s", 0.0, id="zero"),
        pytest.param("5s", 5.0, id="seconds"),
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("1h30m", 5400.0, id="two-units"),
        pytest.param("1h1m1s1ms", 3661.001, id="four-units"),
        pytest.param("1s1h", 3601.0, id="any-order"),
        pytest.param("1s1s", 2.0, id="a-unit-twice"),
        pytest.param("99999h", 359_996_400.0, id="largest"),
        pytest.param("00005s", 5.0, id="leading-zeros"),
    ],
)
def test_reads(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="empty"),
        pytest.param("5", id="no-unit"),
        pytest.param("1.5s", id="decimals"),
        pytest.param("-5s", id="negative"),
        pytest.param("+5s", id="sign"),
        pytest.param("5 s", id="space"),
        pytest.param(" 5s", id="space-before"),
        pytest.param("5s\n", id="new-line"),
        pytest.param("5d", id="days"),
        pytest.param("5S", id="capital"),
        pytest.param("100000s", id="six-digits"),
        pytest.param("1h1m1s1ms1s", id="five-parts"),
        pytest.param("５s", id="full-width-digit"),
        pytest.param(5, id="int"),
        pytest.param(5.0, id="float"),
        pytest.param(True, id="bool"),
        pytest.param(None, id="null"),
        pytest.param(["5s"], id="list"),
    ],
)
def test_refuses_and_says_what_to_write(raw: object) -> None:
    with pytest.raises(ValueError, match=r"^write a duration such as 5s, 500ms or 1h30m"):
        parse_duration(raw)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0.0, "0s", id="zero"),
        pytest.param(5400.0, "1h30m", id="two-units"),
        pytest.param(0.5, "500ms", id="milliseconds"),
        pytest.param(0.0004, "0s", id="less-than-one"),
        pytest.param(60.001, "1m1ms", id="a-gap"),
    ],
)
def test_writes(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1.0, 100_000 * 3600.0])
def test_writes_only_what_can_be_read(seconds: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 99999 hours"):
        format_duration(seconds)


@given(st.integers(min_value=0, max_value=99_999 * 3_600_000))
def test_what_is_written_reads_the_same(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_length_of_time_prints_as_a_duration() -> None:
    assert f"{Seconds(90)}" == str(Seconds(90)) == "1m30s"
