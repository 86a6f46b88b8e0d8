"""The metrics of several processes that serve one pool side by side, as if one had counted."""

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
"""What is not to be added up, by family: what they all tell of the same pool. That is its load, too: runtimes tell
every process of what they got from the others."""
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
    """What a process has counted stays counted when it has ended."""

    def __init__(self) -> None:
        self._past: list[Metric] = []

    def bury(self, text: str) -> None:
        """A process has ended, and this is what it showed last."""
        ended = [metric for metric in text_string_to_metric_families(text) if metric.type in _LASTING]
        self._past = _joined([*self._past, *ended])

    def text(self, parts: Sequence[str]) -> bytes:
        """The sum of what each process shows now; all in the exposition format, version 0.0.4."""
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
