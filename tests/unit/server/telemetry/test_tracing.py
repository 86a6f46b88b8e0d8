"""When there are traces, which one an eval belongs to, and what becomes of spans."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

from tests.unit.server.agents import until
from tyrex_pool.server.telemetry.eval_record import EvalRecord
from tyrex_pool.server.telemetry.server_info import ServerInfo
from tyrex_pool.server.telemetry.spans import Spans
from tyrex_pool.server.telemetry.tracing import Tracer, TracingRefused, tracer, wanted

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SCENE = ServerInfo("serve", "pool", lambda: "Hash")
URL = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"OTEL_SERVICE_NAME": "x"}, False, id="no endpoint"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False, id="an empty endpoint"),
        pytest.param(URL, True, id="endpoint"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces"}, True, id="endpoint of traces"),
        pytest.param(URL | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, id="our protocol"),
        pytest.param(URL | {"OTEL_TRACES_EXPORTER": "none"}, False, id="no exporter"),
        pytest.param(URL | {"OTEL_SDK_DISABLED": "TRUE"}, False, id="disabled"),
    ],
)
def test_wanted(environment: dict[str, str], is_wanted: bool) -> None:
    assert wanted(environment) == is_wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "console"),
    ],
)
def test_what_is_refused(name: str, value: str) -> None:
    with pytest.raises(TracingRefused, match=f"^{name}: write .*{re.escape(value)}"):
        wanted(URL | {name: value})


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [
        name for name in sys.modules if name.startswith(("opentelemetry", "tyrex_pool.server.telemetry.spans"))
    ]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(TracingRefused, match=r"pip install 'tyrex-pool\[otlp\]'"):
        tracer(SCENE, URL)
    assert tracer(SCENE, {}) is None


def test_nothing_of_it_is_imported_without_being_asked() -> None:
    code = (
        "import sys\n"
        "from tyrex_pool.cli import agent, proxy, serve\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"


class Sent:
    """An exporter that keeps spans, or does what a test says."""

    def __init__(self, do: Callable[[], SpanExportResult] = lambda: SpanExportResult.SUCCESS) -> None:
        self.spans: list[ReadableSpan] = []
        self._do = do

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return self._do()

    def shutdown(self) -> None:
        pass


Make = Callable[..., Spans]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes what exports at once; it ends with the test."""
    made: list[Spans] = []
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")

    def make(exporter: Sent, running: bool = True) -> Spans:
        spans = Spans(SCENE, exporter, Resource({}), ParentBased(ALWAYS_ON))
        if running:
            spans._thread.start()
            made.append(spans)
        return spans

    yield make
    for spans in made:
        spans.close(10)


def ended(trace: str, outcome: str = "ok", parent: str = "") -> EvalRecord:
    now = monotonic()
    return EvalRecord(
        outcome, 200, None, "r-0", 5, "r-0.5.1", True, "/v1/eval", trace.encode(), parent.encode(),
        now - 0.5, now - 0.25, now, 10, 20,
    )  # fmt: skip


TRACE = f"00-{ID}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "begun"),
    [
        pytest.param(TRACE, rf"00-{ID}-(?!{SPAN})[0-9a-f]{{16}}-01", id="of a caller"),
        pytest.param(f"00-{ID}-{SPAN}-00", rf"00-{ID}-(?!{SPAN})[0-9a-f]{{16}}-00", id="not sampled there"),
        pytest.param("", rf"00-(?!{ID})[0-9a-f]{{32}}-[0-9a-f]{{16}}-01", id="none"),
        pytest.param("nonsense", rf"00-(?!{ID})[0-9a-f]{{32}}-[0-9a-f]{{16}}-01", id="malformed"),
    ],
)
def test_begin(make: Make, header: str, begun: str) -> None:
    assert re.fullmatch(begun, Tracer(make(Sent()), SCENE).begin(header.encode()).decode())


def test_a_root_that_is_not_sampled() -> None:
    spans = Spans(SCENE, Sent(), Resource({}), ParentBased(ALWAYS_OFF))
    assert Tracer(spans, SCENE).begin(b"").endswith(b"-00")
    assert Tracer(spans, SCENE).begin(TRACE.encode()).endswith(b"-01")


async def test_only_sampled_ones_are_sent(make: Make) -> None:
    sent = Sent()
    traces = Tracer(make(sent), SCENE)
    traces.observe(ended(f"00-{ID}-{SPAN}-00"))
    traces.observe(ended(TRACE))
    await until(lambda: sent.spans)
    traces.close(10)
    (span,) = sent.spans
    assert span.context is not None
    assert (span.name, f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}") == ("eval", ID, SPAN)
    assert (span.parent, span.status.is_ok) == (None, True)
    assert span.start_time is not None
    assert span.end_time is not None
    assert 400_000_000 < span.end_time - span.start_time < 600_000_000
    assert (span.attributes or {})["tyrex.queue_ms"] == pytest.approx(250, abs=10)


@pytest.mark.parametrize("do", [lambda: SpanExportResult.FAILURE, lambda: 1 / 0], ids=["refused", "raises"])
async def test_a_collector_that_fails(make: Make, do: Callable[[], SpanExportResult]) -> None:
    traces = Tracer(make(Sent(do)), SCENE)
    for number in (1, 2):
        traces.observe(ended(TRACE))
        await until(lambda number=number: counts(traces)["failed"] == number)  # type: ignore[misc]
    assert counts(traces) == {"exported": 0, "failed": 2, "dropped": 0}


def test_what_the_queue_cannot_take_is_dropped_and_counted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "3")
    traces = Tracer(make(Sent(), running=False), SCENE)
    for _ in range(10):
        traces.observe(ended(TRACE))
    assert counts(traces) == {"exported": 0, "failed": 0, "dropped": 7}


def test_the_last_ones_are_sent_at_the_end(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    sent = Sent()
    traces = Tracer(make(sent), SCENE)
    for _ in range(1000):
        traces.observe(ended(TRACE))
    traces.close(10)
    assert len(sent.spans) == 1000
    assert counts(traces)["exported"] == 1000


def counts(traces: Tracer) -> dict[str, float]:
    (family,) = traces.collect()
    return {sample.labels["result"]: sample.value for sample in family.samples}
