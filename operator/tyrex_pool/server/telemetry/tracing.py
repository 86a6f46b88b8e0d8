"""Traces of evals, configured by OpenTelemetry's environment variables: the trace context of an eval, and whether its
span is sampled. Without these variables nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from prometheus_client.core import CounterMetricFamily, Metric

from tyrex_pool.model.trace_context import accepted
from tyrex_pool.server.telemetry.eval_record import EvalRecord
from tyrex_pool.server.telemetry.server_info import ServerInfo

if TYPE_CHECKING:
    from tyrex_pool.server.telemetry.spans import Spans

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"
_SAMPLED: Final = b"01"
_NOT_SAMPLED: Final = b"00"


class TracingRefused(Exception):  # noqa: N818 - it is the user's error
    """The variables ask for something that is not supported; the message says what to write instead."""


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether `environment` asks for traces. Raises TracingRefused for what is not supported."""
    endpoint = next((name for name in ENDPOINTS if environment.get(name)), None)
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    if endpoint is None or exporter == "none" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if exporter != "otlp":
        raise TracingRefused(f"OTEL_TRACES_EXPORTER: write otlp or none, not {exporter!r}")
    if urlsplit(environment[endpoint]).scheme not in ("http", "https"):
        raise TracingRefused(f"{endpoint}: write http://HOST:4318, not {environment[endpoint]!r}")
    for name in _PROTOCOLS:
        if environment.get(name, _PROTOCOL) != _PROTOCOL:
            raise TracingRefused(f"{name}: write {_PROTOCOL}, the one that is spoken here; not {environment[name]!r}")
    return True


class Tracer:
    """Begins the trace context of each eval, and observes its end. Also a source of metrics."""

    def __init__(self, spans: Spans, scene: ServerInfo) -> None:
        self._spans = spans
        self._scene = scene
        self._chance = random.Random()

    def begin(self, header: bytes) -> bytes:
        """The trace of an eval whose request had this `traceparent`, empty for none; its span is our own."""
        parent = accepted(header)
        trace_id = parent[3:35] or b"%032x" % (self._chance.getrandbits(128) or 1)
        flags = _SAMPLED if self._spans.sampled(parent, trace_id) else _NOT_SAMPLED
        return b"00-%b-%016x-%b" % (trace_id, self._chance.getrandbits(64) or 1, flags)

    def observe(self, record: EvalRecord) -> None:
        if record.trace.endswith(_SAMPLED):
            self._spans.add(record, self._scene.strategy())

    def close(self, seconds: float) -> None:
        """Export the remaining spans, for at most `seconds`. Blocks."""
        self._spans.close(seconds)

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily("tyrex_spans", "Spans of evals, by what became of them", labels=["result"])
        for result, count in self._spans.counts.items():
            family.add_metric([result], count)
        yield family


def tracer(scene: ServerInfo, environment: Mapping[str, str] = os.environ) -> Tracer | None:
    """None unless `environment` asks for traces. Raises TracingRefused."""
    if not wanted(environment):
        return None
    try:
        from tyrex_pool.server.telemetry.spans import Spans
    except ModuleNotFoundError as exc:
        raise TracingRefused(
            f"traces need more packages: pip install 'tyrex-pool[otlp]', or unset {' and '.join(ENDPOINTS)} ({exc})"
        ) from exc
    return Tracer(Spans.start(scene), scene)
