"""The section of recovery: aims for the kills at a deadline, a row for each way to end."""

from tests.bench.recovery import DEADLINE_END, ENDS, Recovery, aims, table

FAST = Recovery(since_answer=8.0, since_sent=120.0)
SLOW = Recovery(since_answer=25.0, since_sent=145.0)


def test_the_median_counts() -> None:
    found = aims([FAST, SLOW, SLOW])
    assert [(aim.measured, aim.reached) for aim in found] == [(25.0, True), (45.0, False)]
    assert found[0].shown == "25.0 (8.0 – 25.0) ms over 3 kills"


def test_only_a_deadline_has_a_time_since_the_deadline() -> None:
    rows = table({end: [FAST, SLOW] for end in ENDS}, [60.0]).rows
    assert [row[0] for row in rows[:-1]] == [end.name for end in ENDS]
    assert {row[0] for row in rows if row[-1] != "–"} == {DEADLINE_END.name}
