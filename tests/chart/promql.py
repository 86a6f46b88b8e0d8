"""What a PromQL expression asks for, and what there is to ask for."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import promql_parser as promql
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.server.exposed import Counts, pool
from tyrex_pool.controller.metrics import OperatorMetrics
from tyrex_pool.controller.store import Store
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.wire import EvalRequest
from tyrex_pool.server.http.unread import Unread
from tyrex_pool.server.telemetry.metrics import IsolateMetrics, Metrics, UpstreamMetrics
from tyrex_pool.server.telemetry.server_info import ServerInfo
from tyrex_pool.server.telemetry.spans import Spans
from tyrex_pool.server.telemetry.tracing import Tracer

SCRAPED = {"namespace", "pool", "component", "job"}
"""Labels that a scrape adds, with those of the chart's monitors."""

Labels = dict[str, set[str]]


class Asked(NamedTuple):
    """The metrics of an expression with the labels that they are chosen by, and the labels that it groups by."""

    selectors: list[tuple[str, set[str]]]
    grouped: set[str]


def asked(expression: str) -> Asked:
    """Raises ValueError for bad PromQL."""
    selectors: list[tuple[str, set[str]]] = []

    def enter(node: object) -> None:
        if isinstance(node, promql.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql.VectorSelector):
            assert node.name is not None
            selectors.append((node.name, {matcher.name for matcher in node.matchers.matchers}))

    promql.walk(promql.parse(expression), enter)
    lists = re.findall(r"\bby \(([^)]*)\)", expression)
    return Asked(selectors, {label.strip() for labels in lists for label in labels.split(",")})


def shown() -> Labels:
    """The labels of every metric that a proxy, an agent or the operator shows, by its name."""
    served = Metrics(pool, IsolateMetrics(Counts()), UpstreamMetrics(Counts()))
    served.unread = Unread()
    scene = ServerInfo("serve", "pool", lambda: "Hash")
    served.show(Tracer(Spans(scene, _Nowhere(), Resource({}), ALWAYS_ON), scene))
    served.ended("ok", Ticket(EvalRequest("1"), None, 1.0, 2.0, None))
    store = Store()
    store.set_pool({"metadata": {"name": "a", "namespace": "web", "uid": "1", "resourceVersion": "1"}})
    found: Labels = {"up": set()}
    for text in (served.text(), generate_latest(OperatorMetrics(store).registry)):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


class _Nowhere:
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        pass
