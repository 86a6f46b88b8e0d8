"""Spans of evals, as an OpenTelemetry collector gets them from the real commands."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import time_ns

import httpx
import pytest

from tests.local.commands import Command, command, logging_to, refused
from tests.local.otlp import Collector, Received, collector
from tests.local.problems import problem
from tests.local.running import until

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MANIFEST = "apiVersion: tyrex.dev/v1alpha1\nkind: TyrexPool\nmetadata: {name: traced}\nspec: {size: 1}\n"
PORTS = ("--port", "0", "--admin-port", "0")
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "20"}


@pytest.fixture
def there() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    (tmp_path / "pool.yaml").write_text(MANIFEST)
    return str(tmp_path / "pool.yaml")


def post(front: Command, code: str, flags: str = "01") -> httpx.Response:
    trace = {"traceparent": f"00-{ID}-{SPAN}-{flags}"} if flags else {}
    return front.http.post("/v1/eval", json={"code": code, "key": "user-1"}, headers=trace)


def span_of(trace: str) -> str:
    return trace.split("-")[2]


def test_caller_proxy_and_agent_are_one_trace(there: Collector, manifest: str, tmp_path: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": there.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-token=secret"} | SOON
    log = tmp_path / "log"
    before = time_ns()
    with ExitStack() as stack:
        writing = stack.enter_context(log.open("w"))
        words = ("agent", manifest, "--name", "traced-0", *PORTS)
        agent = stack.enter_context(logging_to(writing, *words, **environment))
        proxy = stack.enter_context(
            command("proxy", "--runtime", agent.url, "--strategy", "Hash", *PORTS, **environment)
        )
        until(lambda: proxy.status()["ready"])
        answer = post(proxy, "console.log('traced'); new Promise((ok) => setTimeout(ok, 50, 7))")
        assert answer.json() == {"result": 7}
        spans = {span.resource["service.name"]: span for span in there.wait(2)}
    first, second = spans["tyrex-pool-proxy"], spans["tyrex-pool-agent"]
    assert {first.trace, second.trace} == {ID}
    assert (first.parent, second.parent) == (SPAN, first.id)
    assert answer.headers["traceparent"] == f"00-{ID}-{first.id}-01"
    check_the_times(first, second, before)
    evals = {span.attributes["tyrex.eval"] for span in (first, second)}
    assert evals == {answer.headers["tyrex-eval"]}
    assert (first.attributes["tyrex.strategy"], second.attributes["tyrex.strategy"]) == ("Hash", "RoundRobin")
    assert second.attributes["tyrex.runtime"] == "traced-0"
    assert all(headers["x-token"] == "secret" for headers in there.headers)
    assert "user-1" not in str(there.spans), "a key is the caller's"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (printed,) = [line for line in lines if line["message"] == "traced"]
    assert (printed["trace_id"], printed["span_id"]) == (ID, second.id)


def check_the_times(outer: Received, inner: Received, before: int) -> None:
    for one in (outer, inner):
        (started,) = one.span.events
        assert started.name == "started"
        assert before < one.span.start_time_unix_nano <= started.time_unix_nano
        assert started.time_unix_nano < one.span.end_time_unix_nano < time_ns()
        assert one.span.end_time_unix_nano - started.time_unix_nano > 40_000_000, "it waited for 50 ms"


def test_what_a_span_says_of_an_error(there: Collector, manifest: str) -> None:
    with command("serve", manifest, *PORTS, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{there.url}/v1/traces", **SOON) as one:
        problem(post(one, "throw new Error('a secret of the guest')"), "execution_error")
        (received,) = there.wait(1)
    span = received.span
    assert (span.name, span.kind, span.status.code, span.status.message) == ("eval", 2, 2, "execution_error")
    told = received.attributes
    assert told.items() >= SAID.items()
    assert received.resource["service.name"] == "tyrex-pool-serve"
    assert "secret" not in str(received)


SAID = {
    "tyrex.pool": "traced",
    "tyrex.outcome": "execution_error",
    "tyrex.fault": "guest",
    "error.type": "execution_error",
    "http.response.status_code": 422,
    "http.route": "/v1/eval",
}


def test_a_trace_that_nobody_keeps_is_passed_on_all_the_same(there: Collector, manifest: str) -> None:
    with command("serve", manifest, *PORTS, OTEL_EXPORTER_OTLP_ENDPOINT=there.url, **SOON) as one:
        unsampled = post(one, "1", flags="00").headers["traceparent"]
        begun = post(one, "2", flags="").headers["traceparent"]
        (kept,) = there.wait(1)
    assert unsampled.startswith(f"00-{ID}-")
    assert unsampled.endswith("-00")
    assert span_of(unsampled) != SPAN
    assert begun == f"00-{kept.trace}-{kept.id}-01"
    assert kept.parent == ""


def test_the_sampler_is_the_environment_s(there: Collector, manifest: str) -> None:
    none = {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_SERVICE_NAME": "mine"}
    with command("serve", manifest, *PORTS, OTEL_EXPORTER_OTLP_ENDPOINT=there.url, **SOON, **none) as one:
        assert post(one, "1").headers["traceparent"].endswith("-00")
    assert there.spans == []


def test_a_collector_that_is_not_there_costs_no_eval(manifest: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        few = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
        with command("serve", manifest, *PORTS, OTEL_EXPORTER_OTLP_ENDPOINT=url, **SOON, **few) as one:
            assert [post(one, "1 + 2").json() for _ in range(50)] == [{"result": 3}] * 50
            text = httpx.get(one.facts["admin"] + "/metrics", trust_env=False).text
            counts = {
                line.split()[0]: float(line.split()[1]) for line in text.splitlines() if "tyrex_spans" in line[:11]
            }
            assert counts['tyrex_spans_total{result="dropped"}'] >= 50 - 8 - 4
            assert counts['tyrex_spans_total{result="exported"}'] == 0
        # it ended by SIGTERM, with exit code 0 and in time: see `command`


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", id="protocol"),
        pytest.param("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317", id="no URL"),
        pytest.param("OTEL_TRACES_EXPORTER", "zipkin", id="exporter"),
    ],
)
def test_what_cannot_be_done_is_refused_at_the_start(
    manifest: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    assert refused("serve", manifest).startswith(f"error: {name}: write ")
