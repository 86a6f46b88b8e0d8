"""The section of memory: a cost is a slope, and rows of one kind stand together."""

from tests.bench.memory import CONNECTION, PROCESS, RUNTIME, Costs, Name, slope, table


def test_a_slope_leaves_out_what_is_there_anyway() -> None:
    assert slope(1_000 + 2 * 30, 1_000 + 12 * 30, (2, 12)) == 30


def test_rows_are_in_the_order_of_what_costs() -> None:
    process, runtime = Name(PROCESS, "`serve`", "the server"), Name(RUNTIME, "`serve`", "its Deno process")
    connection = Name(CONNECTION, "`serve`", "the server")
    rounds: list[Costs] = [
        {process: 31 << 20, connection: 3_000, runtime: 13 << 20},
        {process: 33 << 20, connection: 5_000, runtime: 13 << 20},
    ]
    shown = table(rounds)
    assert [row[0] for row in shown.rows] == [RUNTIME, CONNECTION, PROCESS]
    assert [row[3] for row in shown.rows] == [
        "13.0 (13.0 – 13.0) MiB",
        "3.9 (2.9 – 4.9) KiB",
        "32.0 (31.0 – 33.0) MiB",
    ]
