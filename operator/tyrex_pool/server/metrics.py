"""Counts of a server, plain numbers on the hot path, shown to Prometheus when it asks."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from tyrex_pool.dispatch.ticket import Ticket

BOUNDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
"""Seconds, upper ends of the histograms' buckets."""


class Histogram:
    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        below, buckets = 0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            below += count
            buckets.append((bound, float(below)))
        return HistogramMetricFamily(name, text, buckets=buckets, sum_value=self.total)


class Metrics:
    """`describe` gives the pool as `GET /v1/pool` does, `replacements` is the supervisor's count by cause."""

    def __init__(self, describe: Callable[[], dict[str, Any]], replacements: dict[str, int] | None = None) -> None:
        self._describe = describe
        self._replacements = {} if replacements is None else replacements
        self._outcomes: dict[str, int] = {}
        self._queue = Histogram()
        self._run = Histogram()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def ended(self, outcome: str, ticket: Ticket) -> None:
        """A ticket was answered, by a runtime or in the queue."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        if ticket.finished and ticket.started:
            self._queue.observe(ticket.started - ticket.arrived)
            self._run.observe(ticket.finished - ticket.started)

    def refused(self, outcome: str) -> None:
        """A request had no runtime to go to."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1

    def collect(self) -> Iterator[Metric]:
        pool = self._describe()
        evals = CounterMetricFamily("tyrex_evals", "Evals by outcome", labels=["outcome"])
        for outcome, count in sorted(self._outcomes.items()):
            evals.add_metric([outcome], count)
        yield evals
        replaced = CounterMetricFamily("tyrex_isolate_replacements", "Isolates replaced, by cause", labels=["cause"])
        for cause, count in sorted(self._replacements.items()):
            replaced.add_metric([cause], count)
        yield replaced
        yield GaugeMetricFamily("tyrex_runtimes", "Runtimes the pool should have", value=pool["size"])
        yield GaugeMetricFamily("tyrex_runtimes_ready", "Runtimes that take evals", value=pool["readyRuntimes"])
        yield GaugeMetricFamily("tyrex_evals_in_flight", "Evals that run now", value=pool["inFlight"])
        yield GaugeMetricFamily("tyrex_evals_queued", "Evals that wait now", value=pool["queued"])
        yield self._queue.family("tyrex_eval_queue_seconds", "Time from the request to the start")
        yield self._run.family("tyrex_eval_run_seconds", "Time from the start to the answer")

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self._registry)
