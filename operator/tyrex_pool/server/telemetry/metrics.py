"""The metrics of a server: plain numbers on the hot path, converted for Prometheus at each scrape."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from tyrex_pool.build_info import registry
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.errors import ERRORS, TyrexError
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.telemetry.eval_record import ABANDONED, OK

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


OUTCOMES = (OK, ABANDONED, TyrexError.name, *ERRORS)
"""Every outcome of an eval."""


class Histogram:
    """`counts` are evals per bucket, not cumulated; `total` is the sum of their seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        below, buckets = 0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            below += count
            buckets.append((bound, float(below)))
        return HistogramMetricFamily(name, text, buckets=buckets, sum_value=self.total)


class Source(Protocol):
    """A collector of prometheus_client: more metrics of the same server."""

    def collect(self) -> Iterator[Metric]: ...


class Unread(Protocol):
    """What waits to be read: bytes `held`, and how many connections were cut off, by reason."""

    @property
    def held(self) -> int: ...
    @property
    def cut_off(self) -> Mapping[str, int]: ...


class Metrics:
    """`describe` gives the pool as `GET /v1/pool` does; `sources` have more to show.

    `connections` tells how many clients there are, `unread` what they have not read; both are those of a server.
    """

    def __init__(self, describe: Callable[[], PoolView], *sources: Source) -> None:
        self.connections: Callable[[], int] = lambda: 0
        self.unread: Unread | None = None
        self._describe = describe
        self._evals: dict[str, dict[str, int]] = {}
        self._queue = Histogram()
        self._run = Histogram()
        self._cpu = Histogram()
        self._registry = registry()
        for source in (self, *sources):
            self.show(source)
        self.note_strategy()

    def show(self, source: Source) -> None:
        """Add the metrics of `source`."""
        self._registry.register(source)

    def note_strategy(self) -> None:
        """Label evals from now on with the pool's present strategy: call this when the strategy may have changed."""
        self.strategy = self._describe().strategy.type
        self._outcomes = self._evals.setdefault(self.strategy, dict.fromkeys(OUTCOMES, 0))

    def ended(self, outcome: str, ticket: Ticket) -> None:
        """Count a ticket that was answered, by a runtime or in the queue."""
        try:
            self._outcomes[outcome] += 1
        except KeyError:  # a runtime of another version may have other names
            self._outcomes[TyrexError.name] += 1
        started, finished = ticket.started, ticket.finished
        if finished and started:  # in line: this runs for every eval
            seconds, queue = started - ticket.arrived, self._queue
            queue.counts[bisect_left(BOUNDS, seconds)] += 1
            queue.total += seconds
            seconds, run = finished - started, self._run
            run.counts[bisect_left(BOUNDS, seconds)] += 1
            run.total += seconds
            if (seconds := ticket.cpu) >= 0.0:
                cpu = self._cpu
                cpu.counts[bisect_left(BOUNDS, seconds)] += 1
                cpu.total += seconds

    def refused(self, outcome: str) -> None:
        """Count an eval that no runtime got."""
        self._outcomes[outcome] += 1

    def collect(self) -> Iterator[Metric]:
        pool = self._describe()
        evals = CounterMetricFamily("tyrex_evals", "Evals by outcome and strategy", labels=["outcome", "strategy"])
        for strategy, outcomes in self._evals.items():
            for outcome, count in sorted(outcomes.items()):
                evals.add_metric([outcome, strategy], count)
        yield evals
        yield GaugeMetricFamily("tyrex_runtimes", "Runtimes the pool should have", value=pool.size)
        yield GaugeMetricFamily("tyrex_runtimes_ready", "Runtimes that take evals", value=pool.ready_runtimes)
        yield GaugeMetricFamily("tyrex_evals_in_flight", "Evals that run now", value=pool.in_flight)
        yield GaugeMetricFamily("tyrex_evals_queued", "Evals that wait now", value=pool.queued)
        yield GaugeMetricFamily("tyrex_connections", "Connections of clients now", value=self.connections())
        if self.unread is not None:
            yield GaugeMetricFamily(
                "tyrex_unread_bytes", "Bytes of answers that wait to be read", value=self.unread.held
            )
            yield _counter(
                "tyrex_connections_cut_off", "Connections cut off because their clients read too slowly", "reason",
                self.unread.cut_off,
            )  # fmt: skip
        yield self._queue.family("tyrex_eval_queue_seconds", "Time from the request to the start")
        yield self._run.family("tyrex_eval_run_seconds", "Time from the start to the answer")
        yield self._cpu.family("tyrex_eval_cpu_seconds", "CPU time of the isolate for the eval, where it is known")

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self._registry)


class Isolates(Protocol):
    """The counters of isolates: the supervisor has them."""

    replacements: dict[str, int]
    spares: dict[str, int]


class IsolateMetrics:
    """The metrics of a pool of isolates."""

    def __init__(self, isolates: Isolates) -> None:
        self._isolates = isolates

    def collect(self) -> Iterator[Metric]:
        yield _counter(
            "tyrex_isolate_replacements", "Isolates replaced, by cause", "cause", self._isolates.replacements
        )
        yield _counter(
            "tyrex_isolate_spares", "Replacements that a spare stood ready for (hit), or not", "result",
            self._isolates.spares,
        )  # fmt: skip


class Upstreams(Protocol):
    """The counters of connections to other servers: RemotePool has them."""

    @property
    def retries(self) -> int: ...
    @property
    def connections(self) -> int: ...


class UpstreamMetrics:
    """The metrics of a pool of other servers."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "tyrex_eval_retries", "Evals offered to a second runtime", value=self._upstreams.retries
        )
        yield GaugeMetricFamily(
            "tyrex_upstream_connections", "Connections to runtimes now", value=self._upstreams.connections
        )


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
