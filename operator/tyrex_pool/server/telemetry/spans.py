"""Exports the spans of evals to an OpenTelemetry collector, in a thread of its own.

A span is made from the record of an eval that has ended. Evals never wait for the export: a record that the queue
cannot take is dropped and counted.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic, time_ns
from typing import Final, Protocol

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from tyrex_pool.model import names
from tyrex_pool.model.trace_context import accepted
from tyrex_pool.resources import version
from tyrex_pool.server.telemetry.eval_record import OK, EvalRecord
from tyrex_pool.server.telemetry.server_info import ServerInfo

NAME: Final = "eval"
_SWITCH: Final = 0.0005
"""The interpreter's switch interval: seconds that the export may hold up the event loop. Python's default is 5 ms."""
_NANO: Final = 1_000_000_000


class Exporter(Protocol):
    """As OpenTelemetry's are: `export` blocks."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult: ...
    def shutdown(self) -> None: ...


class Spans:
    """Takes records in the event loop's thread, exports their spans in its own. `counts`: spans by result."""

    def __init__(self, scene: ServerInfo, exporter: Exporter, resource: Resource, sampler: Sampler) -> None:
        self.counts = {"exported": 0, "failed": 0, "dropped": 0}
        self._scene = scene
        self._exporter = exporter
        self._resource = resource
        self._sampler = sampler
        self._scope = InstrumentationScope(names.APPLICATION, version())
        self._limit = _number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
        self._batch = _number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
        self._delay = _number("OTEL_BSP_SCHEDULE_DELAY", 5000) / 1000
        self._queue: deque[tuple[EvalRecord, str]] = deque()
        self._wake = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)

    @classmethod
    def start(cls, scene: ServerInfo) -> "Spans":
        """Configured by OpenTelemetry's environment variables."""
        provider = TracerProvider(resource=_resource(scene), shutdown_on_exit=False)
        self = cls(scene, OTLPSpanExporter(), provider.resource, provider.sampler)
        sys.setswitchinterval(_SWITCH)
        self._thread.start()
        return self

    # In the loop's thread

    def sampled(self, parent: bytes, trace_id: bytes) -> bool:
        """Whether the span of an eval with this trace is to be kept; `parent` is empty for none."""
        context = Context()
        if parent:
            context = set_span_in_context(NonRecordingSpan(_context(parent, remote=True)), context)
        found = self._sampler.should_sample(context, int(trace_id, 16), NAME, SpanKind.SERVER)
        return found.decision is Decision.RECORD_AND_SAMPLE

    def add(self, record: EvalRecord, strategy: str) -> None:
        if len(self._queue) >= self._limit:
            self.counts["dropped"] += 1
            return
        self._queue.append((record, strategy))
        if len(self._queue) == self._batch:
            self._wake.set()

    def close(self, seconds: float) -> None:
        """Export the queue, for at most `seconds`."""
        self._stop = True
        self._wake.set()
        self._thread.join(seconds)
        self._exporter.shutdown()  # this ends its retries

    # In the export's thread

    def _run(self) -> None:
        while not self._stop:
            self._wake.wait(self._delay)
            self._wake.clear()
            self._export()
        self._export()

    def _export(self) -> None:
        """Export the queue."""
        while count := min(len(self._queue), self._batch):
            batch = [self._queue.popleft() for _ in range(count)]
            try:
                done = self._exporter.export(self._spans(batch)) is SpanExportResult.SUCCESS
            except Exception:
                done = False
            self.counts["exported" if done else "failed"] += count

    def _spans(self, batch: list[tuple[EvalRecord, str]]) -> list[ReadableSpan]:
        began = time_ns() - int(monotonic() * _NANO)
        at: Callable[[float], int] = lambda seconds: began + int(seconds * _NANO)  # noqa: E731
        return [self._span(record, strategy, at) for record, strategy in batch]

    def _span(self, record: EvalRecord, strategy: str, at: Callable[[float], int]) -> ReadableSpan:
        parent = accepted(record.parent)
        failed = record.outcome != OK
        attributes = {
            "tyrex.pool": self._scene.pool,
            "tyrex.strategy": strategy,
            "tyrex.outcome": record.outcome,
            "tyrex.runtime": record.runtime,
            "tyrex.epoch": record.epoch or None,
            "tyrex.eval": record.eval_id,
            "tyrex.queue_ms": round(record.queue_ms, 3),
            "tyrex.cpu_ms": record.cpu_ms,
            "http.route": record.path,
            "http.response.status_code": record.status or None,
            "error.type": record.outcome if failed else None,
            "tyrex.fault": record.fault,
        }
        return ReadableSpan(
            name=NAME,
            context=_context(record.trace),
            parent=_context(parent, remote=True) if parent else None,
            resource=self._resource,
            attributes={name: value for name, value in attributes.items() if value is not None},
            events=[Event("started", timestamp=at(record.started))] if record.started else (),
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR, record.outcome) if failed else Status(),
            start_time=at(record.arrived),
            end_time=at(record.finished),
            instrumentation_scope=self._scope,
        )


def _context(trace: bytes, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace[3:35], 16), int(trace[36:52], 16), remote, TraceFlags(int(trace[53:], 16)))


def _resource(scene: ServerInfo) -> Resource:
    """The resource of the environment, with our service name where it gives none."""
    found = Resource.create()
    named = Resource({SERVICE_NAME: f"{names.APPLICATION}-{scene.server}", SERVICE_VERSION: version() or ""})
    unnamed = str(found.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service")
    return found.merge(named) if unnamed else found


def _number(variable: str, usual: int) -> int:
    value = os.environ.get(variable, "")
    return int(value) if value.isdigit() and int(value) else usual
