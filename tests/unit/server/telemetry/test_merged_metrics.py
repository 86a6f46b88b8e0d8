"""The metrics of several processes as those of one."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from tyrex_pool.server.telemetry.merged_metrics import MergedMetrics

Samples = dict[str, float]


class Counts:
    """What one process shows."""

    def __init__(self, evals: dict[str, int], ready: int = 2, load: int = 0, connections: int = 0) -> None:
        self.evals = evals
        self.gauges = {
            "tyrex_runtimes_ready": ready,
            "tyrex_evals_in_flight": load,
            "tyrex_connections": connections,
        }

    def collect(self) -> list[Metric]:
        evals = CounterMetricFamily("tyrex_evals", "Evals", labels=["outcome"])
        for outcome, count in self.evals.items():
            evals.add_metric([outcome], count)
        total = float(sum(self.evals.values()))
        buckets = [("0.1", total - 1), ("+Inf", total)]
        gauges = [GaugeMetricFamily(name, "Now", value=value) for name, value in self.gauges.items()]
        return [evals, *gauges, HistogramMetricFamily("tyrex_seconds", "Time", buckets=buckets, sum_value=total / 2)]


def shown(counts: Counts) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(counts)
    return generate_latest(registry).decode()


def read(text: str | bytes) -> Samples:
    """Values by the sample's name, and its label where there is one."""
    families = text_string_to_metric_families(text if isinstance(text, str) else text.decode())
    samples = [sample for family in families for sample in family.samples]
    return {" ".join((sample.name, *sample.labels.values())): sample.value for sample in samples}


def test_counts_are_added_up_and_what_is_one_thing_is_not() -> None:
    first = shown(Counts({"ok": 3, "timeout": 1}, ready=2, load=5, connections=7))
    second = shown(Counts({"ok": 4, "overloaded": 2}, ready=1, load=6, connections=8))
    assert read(MergedMetrics().text([first, second])) == {
        "tyrex_evals_total ok": 7,
        "tyrex_evals_total timeout": 1,
        "tyrex_evals_total overloaded": 2,
        "tyrex_runtimes_ready": 1,
        "tyrex_evals_in_flight": 6,
        "tyrex_connections": 15,
        "tyrex_seconds_bucket 0.1": 8,
        "tyrex_seconds_bucket +Inf": 10,
        "tyrex_seconds_count": 10,
        "tyrex_seconds_sum": 5,
    }


def test_one_process_is_shown_as_it_is() -> None:
    text = shown(Counts({"ok": 3}, load=1, connections=1))
    assert MergedMetrics().text([text]).decode() == text


def test_what_ended_still_counts_and_holds_nothing() -> None:
    sums = MergedMetrics()
    for _ in range(3):
        sums.add_ended(shown(Counts({"ok": 10}, ready=1, load=9, connections=9)))
    sums.add_ended("")
    seen = read(sums.text([shown(Counts({"ok": 1}, ready=2, load=0, connections=1))]))
    assert seen["tyrex_evals_total ok"] == 31
    assert seen["tyrex_seconds_count"] == 31
    assert [seen[name] for name in ("tyrex_runtimes_ready", "tyrex_evals_in_flight", "tyrex_connections")] == [2, 0, 1]


def test_nobody_is_there() -> None:
    assert MergedMetrics().text(["", ""]) == b""
