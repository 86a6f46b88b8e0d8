"""The metrics of several workers of one pool, merged to those of one process."""

from collections.abc import Callable, Iterator, Sequence
from operator import add
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

Join = Callable[[float, float], float]

JOINS: Final[dict[str, Join]] = {
    "tyrex_runtimes": max,
    "tyrex_runtimes_ready": min,
    "tyrex_evals_in_flight": max,
    "tyrex_evals_queued": max,
    "tyrex_build_info": max,
    "process_start_time_seconds": min,
    "process_max_fds": min,
}
"""How to merge the families that are not added up: each worker reports the same pool, its load included."""
_LASTING: Final = frozenset({"counter", "histogram"})


class _Family:
    """One metric's samples by name and labels."""

    def __init__(self, metric: Metric) -> None:
        self._like = metric
        self._join: Join = JOINS.get(metric.name, add)
        self._samples: dict[tuple[object, ...], Sample] = {}

    def join(self, metric: Metric) -> None:
        for sample in metric.samples:
            key = (sample.name, *sample.labels.items())
            there = self._samples.get(key)
            value = sample.value if there is None else self._join(there.value, sample.value)
            self._samples[key] = Sample(sample.name, sample.labels, value)

    def metric(self) -> Metric:
        metric = Metric(self._like.name, self._like.documentation, self._like.type)
        metric.samples = list(self._samples.values())
        return metric


class MergedMetrics:
    """Keeps the counts of processes that have ended."""

    def __init__(self) -> None:
        self._past: list[Metric] = []

    def add_ended(self, text: str) -> None:
        """Keep the counters and histograms of a process that has ended; `text` is its last exposition."""
        ended = [metric for metric in text_string_to_metric_families(text) if metric.type in _LASTING]
        self._past = _joined([*self._past, *ended])

    def text(self, parts: Sequence[str]) -> bytes:
        """The merged metrics; `parts` are those of running processes. All in the exposition format, version 0.0.4."""
        now = [metric for text in parts for metric in text_string_to_metric_families(text)]
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Shown(_joined([*self._past, *now])))
        return generate_latest(registry)


class _Shown:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _joined(metrics: Sequence[Metric]) -> list[Metric]:
    families: dict[str, _Family] = {}
    for metric in metrics:
        families.setdefault(metric.name, _Family(metric)).join(metric)
    return [family.metric() for family in families.values()]
