"""What every process of ours tells Prometheus of itself: its version, and what it uses of the machine."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily, Metric

from tyrex_pool.resources import version


class _BuildInfo:
    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("tyrex_build", "The version of tyrex-pool", {"version": version() or "unknown"})


def registry() -> CollectorRegistry:
    """With `tyrex_build_info` and, on Linux, `process_*` in it."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_BuildInfo())
    ProcessCollector(registry=made)
    return made
