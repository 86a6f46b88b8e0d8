"""What a server shows to Prometheus, read as Prometheus does."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Counts:
    """What a supervisor and a RemotePool count."""

    def __init__(self) -> None:
        self.replacements = {"deadline": 2, "exit": 1}
        self.spares = {"hit": 2, "miss": 1}
        self.retries = 4
        self.connections = 5


def pool(strategy: str = "RoundRobin") -> dict[str, Any]:
    """As much of `GET /v1/pool` as metrics are made of."""
    return {"size": 3, "readyRuntimes": 2, "inFlight": 1, "queued": 7, "strategy": {"type": strategy}}


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
