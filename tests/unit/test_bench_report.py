"""The benchmark's page: ratios are taken round by round, and a missed aim is said."""

import pytest

from tests.bench.report import Results, aims, page
from tests.bench.samples import Sample, Spread, ratio


def samples(*rates: float) -> list[Sample]:
    return [Sample(rate=rate, p50=10.0, p99=20.0, cpu={"deno": 5.0}) for rate in rates]


def results(serve: float, local: float) -> Results:
    return Results(
        machine={"cores": "2"},
        rounds=2,
        seconds=3,
        http={("bare", 32): samples(100_000, 50_000), ("serve", 32): samples(serve, serve)},
        inprocess={("denobox", 1): samples(10_000, 10_000), ("local-uvloop", 1): samples(local, local)},
    )


def test_a_ratio_pairs_the_rounds() -> None:
    assert ratio(samples(50, 10), samples(100, 10)) == Spread(0.75, 0.5, 1.0)


@pytest.mark.parametrize(
    ("serve", "local", "verdicts"),
    [
        pytest.param(30_000, 10_000, ["reached", "reached"], id="just-reached"),
        pytest.param(15_000, 9_000, ["**not reached**, 50.0 % short", "**not reached**, 10.0 % short"], id="missed"),
    ],
)
def test_every_aim_has_its_verdict(serve: float, local: float, verdicts: list[str]) -> None:
    lines = aims(results(serve, local))
    assert [verdict in line for line, verdict in zip(lines, verdicts, strict=True)] == [True, True]
    assert "not reached" in "".join(lines) or verdicts == ["reached", "reached"]


def test_the_page_shows_every_row() -> None:
    text = page(results(40_000, 12_000))
    assert "| 32 | 40,000 (40,000 – 40,000) | 0.60 (0.40 – 0.80) |" in text
    assert "1.20 (1.20 – 1.20) times, reached" in text
    assert "$" not in text
