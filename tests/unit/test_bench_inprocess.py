"""The section without HTTP: each of ours has an aim beside the case's reference, and a row."""

from tests.bench.inprocess import CASES, aims, table
from tests.bench.samples import Sample


def samples(*rates: float, kind: str = "python") -> list[Sample]:
    return [Sample(rate=rate, p50=10.0, p99=20.0, cpu={kind: 5.0}) for rate in rates]


CASE = CASES[1]
MEASURED = {
    "piscina": samples(40_000, 20_000, kind="node"),
    "local-uvloop": samples(50_000, 30_000),
    "local-asyncio": samples(36_000, 18_000),
}


def test_an_aim_compares_within_a_round() -> None:
    found = aims(CASE, MEASURED)
    assert [(round(aim.measured, 3), aim.reached) for aim in found] == [(1.375, True), (0.9, False)]
    assert found[0].shown == "1.38 (1.25 – 1.50) times"


def test_a_table_has_a_row_for_each_path_and_a_column_for_each_kind_of_process() -> None:
    shown = table(CASE, MEASURED)
    assert shown.head[-2:] == ["CPU µs, node", "CPU µs, python"]
    assert [row[-2:] for row in shown.rows] == [["5.0", "–"], ["–", "5.0"], ["–", "5.0"]]
    assert [row[2].split()[0] for row in shown.rows] == ["1.00", "1.38", "0.90"]


def test_every_case_measures_its_reference_and_what_has_an_aim() -> None:
    assert all({case.reference, *case.ours} <= set(case.paths) for case in CASES)
