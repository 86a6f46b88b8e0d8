"""What a server shows to Prometheus, read as Prometheus does."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tyrex_pool.model.pool_view import PoolView, StrategyView

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Counts:
    """What a supervisor and a RemotePool count."""

    def __init__(self) -> None:
        self.replacements = {"deadline": 2, "exit": 1}
        self.spares = {"hit": 2, "miss": 1}
        self.retries = 4
        self.connections = 5


def pool(strategy: str = "RoundRobin") -> PoolView:
    """As much of `GET /v1/pool` as metrics are made of."""
    shown = StrategyView(type=strategy)
    return PoolView(ready=False, size=3, ready_runtimes=2, in_flight=1, queued=7, strategy=shown, runtimes=())


def samples(text: bytes) -> Samples:
    """Values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(text: bytes, name: str, **labels: str) -> float | None:
    return samples(text).get((name, frozenset(labels.items())))


def labelled(text: bytes, name: str) -> Mapping[tuple[tuple[str, str], ...], float]:
    """The samples of one name, by their labels in order."""
    return {tuple(sorted(labels)): value for (found, labels), value in samples(text).items() if found == name}
