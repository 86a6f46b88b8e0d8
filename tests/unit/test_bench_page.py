"""The benchmark's page: ratios are taken round by round, and a missed aim is said."""

from pathlib import Path

import pytest

from tests.bench import compare, hops, page, proxies, serving, tails
from tests.bench.compare import Comparison
from tests.bench.load import Workload
from tests.bench.samples import Sample, Spread, difference, p99, ratio
from tests.bench.section import Aim, Plan, Plot, Section, Table
from tests.bench.turns import Case, Results

PLAN = Plan(rounds=2, seconds=3, quick=False, soak_minutes=1)
LOAD = (Workload.TRIVIAL, 32)


def samples(*rates: float, p99: float = 20.0, errors: int = 0) -> list[Sample]:
    return [Sample(rate, 10.0, p99, errors, {"deno": 5.0, "wrk": 8.0}, {"deno": 2.0, "wrk": 7.5}) for rate in rates]


def results(**series: list[Sample]) -> Results:
    return {Case(path, *LOAD): each for path, each in series.items()}


def aim(measured: float = 1.0, bound: float = 1.0, at_least: bool = True, errors: int = 0) -> Aim:
    return Aim("speed, times theirs", measured, bound, at_least, "1.00 times", "a thick fog", errors)


def test_a_ratio_pairs_the_rounds() -> None:
    assert ratio(samples(50, 10), samples(100, 10)) == Spread(0.75, 0.5, 1.0)
    assert difference(samples(1, 1, p99=30), samples(1, 1), p99) == Spread(10, 10, 10)


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        pytest.param(aim(), "reached", id="just-reached"),
        pytest.param(aim(0.75), "**not reached**: 25.0 % short", id="too-low"),
        pytest.param(aim(0.75, at_least=False), "reached", id="low-enough"),
        pytest.param(aim(1.5, at_least=False), "**not reached**: 50.0 % over", id="too-high"),
        pytest.param(aim(2.0, errors=3), "**not reached**: 3 errors", id="errors"),
    ],
)
def test_every_aim_has_its_verdict(shown: Aim, verdict: str) -> None:
    assert page.verdict(shown) == verdict
    assert shown.reached == (verdict == "reached")


def test_the_summary_counts_and_says_what_is_in_the_way_of_what_is_missed_only() -> None:
    text = page.summary([aim(), aim(0.5), aim(2.0, at_least=False)])
    assert text.startswith("1 of 3 aims are reached.")
    assert text.count("a thick fog") == 1
    assert "a thick fog" not in page.summary([aim()])


def test_errors_of_either_path_count() -> None:
    broken = Comparison.of(results(ours=samples(10), theirs=samples(5, errors=1)), LOAD, "ours", "theirs")
    found = broken.ratio("speed, times theirs", 1.5)
    assert (found.measured, found.errors, found.reached) == (2.0, 1, False)


def test_a_missed_aim_shows_where_the_time_goes() -> None:
    found = Comparison.of(results(ours=samples(1), theirs=samples(5)), LOAD, "ours", "theirs").ratio("speed", 1.5)
    assert "ours: deno 5.0 µs (2.0 in the kernel), wrk 8.0 µs (7.5 in the kernel); theirs: " in found.in_the_way


def test_a_table_has_a_row_for_each_path_and_the_ratio_beside_its_reference() -> None:
    measured = results(theirs=samples(100_000, 50_000), ours=samples(40_000, 40_000, errors=2))
    (table,) = compare.tables(measured, "theirs", {"Deno": ("deno",), "all": ("deno", "wrk"), "none": ("python",)})
    assert [row[:4] for row in table.rows] == [
        ["theirs", "32", "75,000 (50,000 – 100,000)", "–"],
        ["ours", "32", "40,000 (40,000 – 40,000)", "0.60 (0.40 – 0.80)"],
    ]
    assert table.rows[1][-4:] == ["5.0", "13.0", "–", "4"]
    assert len(table.head) == len(table.rows[0])


def test_a_busy_core_is_100_percent() -> None:
    assert compare.busy("deno", "wrk")(samples(50_000)[0]) == pytest.approx(65)


def everywhere(paths: dict[str, float], connections: tuple[int, ...]) -> Results:
    """These rates under trivial load."""
    return {
        Case(path, Workload.TRIVIAL, number): samples(rate, rate)
        for number in connections
        for path, rate in paths.items()
    }


def test_every_aim_over_http_is_there_and_says_its_bound() -> None:
    alone = everywhere({proxies.OURS: 40, proxies.HAPROXY: 50, proxies.ENVOY: 25}, (32, 256))
    before_agents = everywhere({hops.OURS: 8, hops.HAPROXY: 10, hops.DIRECT: 20}, (1, 32, 256))
    served = everywhere({serving.OURS: 89, serving.BARE: 100}, (32, 256))
    found = [*proxies.aims(alone), *hops.aims(before_agents), *serving.aims(served)]
    assert [(each.bound, each.at_least) for each in found] == [
        *[(1.5, True), (0.8, True), (1.5, False), (1.6, False)] * 2,
        *[(0.8, True), (0.8, True), (100, False)],
        *[(0.6, True), (0.9, True)],
    ]
    assert [each.what for each in found if not each.reached] == [
        "serve, two runtimes, 256 connections: throughput, times the bare eval's"
    ]


def test_the_tail_is_compared_with_the_run_without_slow_ones() -> None:
    measured = {
        case: [tails.Tail(Sample(1_000, 200, 600 if case[1] else 300), {"50": 200, "90": 250, "99": 300, "99.9": 400})]
        for case in tails.CASES
    }
    found = tails.aim(measured)
    assert (found.measured, found.bound, found.reached) == (2.0, 3.0, True)


def test_the_page_and_what_lies_beside_it(tmp_path: Path) -> None:
    shown = Section(
        "Speed",
        "How fast it is.",
        tables=[Table(["path", "rate"], [["ours", "5"]], "All of it")],
        aims=[aim()],
        plots=[Plot("speed", "<svg/>", "Fast")],
        data={"speed": [1]},
        versions={"Node": "24"},
    )
    (tmp_path / "performance").mkdir()
    (tmp_path / "performance/old.svg").touch()
    page.write(tmp_path, [shown], PLAN, {"cores": "2"})
    text = (tmp_path / "performance.md").read_text()
    assert "| path | rate |\n| --- | ---: |\n| ours | 5 |" in text
    assert "![Fast](performance/speed.svg)" in text
    assert "- cores: 2\n- Node: 24" in text
    assert "$" not in text
    assert sorted(path.name for path in (tmp_path / "performance").iterdir()) == ["samples.json", "speed.svg"]
    assert '"sections":{"Speed":{"speed":[1]}}' in (tmp_path / "performance/samples.json").read_text()
