"""What a server counts, and how it shows it."""

import random
from collections.abc import Sequence

import pytest

from tests.unit.server.agents import FULL, Agent, ask, pool_of, pool_over, until
from tests.unit.server.exposed import Counts, labelled, pool, samples, value
from tyrex_pool.dispatch.custom import adapt
from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.strategy import Runtime
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import EvalRequest
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.telemetry.metrics import BOUNDS, IsolateMetrics, Metrics, UpstreamMetrics


def ticket(started: float, finished: float) -> Ticket:
    made = Ticket(EvalRequest("1"), None, 100.0, 105.0, None)
    made.started, made.finished = started, finished
    return made


def test_evals_by_outcome_and_strategy() -> None:
    shown = [pool()]
    metrics = Metrics(lambda: shown[-1])
    for outcome in ("ok", "ok", "timeout"):
        metrics.ended(outcome, ticket(100.1, 100.2))
    metrics.refused("overloaded")
    shown.append(pool("Hash"))
    metrics.note_strategy()
    metrics.ended("ok", ticket(100.1, 100.2))
    counts = labelled(metrics.text(), "tyrex_evals_total")
    assert {labels: count for labels, count in counts.items() if count} == {
        (("outcome", "ok"), ("strategy", "RoundRobin")): 2,
        (("outcome", "timeout"), ("strategy", "RoundRobin")): 1,
        (("outcome", "overloaded"), ("strategy", "RoundRobin")): 1,
        (("outcome", "ok"), ("strategy", "Hash")): 1,
    }


@pytest.mark.parametrize(
    ("started", "finished", "queue", "run"),
    [
        pytest.param(100.0, 100.0, 0.0001, 0.0001, id="at once"),
        pytest.param(100.5, 101.25, 0.5, 1.0, id="just at a bound, and between two"),
        pytest.param(100.0, 190.0, 0.0001, None, id="longer than the last"),
    ],
)
def test_times(started: float, finished: float, queue: float | None, run: float | None) -> None:
    metrics = Metrics(pool)
    metrics.ended("ok", ticket(started, finished))
    text = metrics.text()
    for name, seconds, lowest in (("queue", started - 100.0, queue), ("run", finished - started, run)):
        buckets = {bound: value(text, f"tyrex_eval_{name}_seconds_bucket", le=str(bound)) for bound in BOUNDS}
        assert [bound for bound in BOUNDS if buckets[bound] == 1] == [
            bound for bound in BOUNDS if lowest is not None and bound >= lowest
        ]
        assert value(text, f"tyrex_eval_{name}_seconds_count") == 1
        assert value(text, f"tyrex_eval_{name}_seconds_sum") == seconds


def test_what_never_started_has_no_times() -> None:
    metrics = Metrics(pool)
    metrics.ended("queue_timeout", ticket(0.0, 105.0))
    assert value(metrics.text(), "tyrex_eval_run_seconds_count") == 0
    assert value(metrics.text(), "tyrex_evals_total", outcome="queue_timeout", strategy="RoundRobin") == 1


def test_the_pool_and_its_connections() -> None:
    metrics = Metrics(pool, IsolateMetrics(Counts()), UpstreamMetrics(Counts()))
    metrics.connections = lambda: 9
    metrics.unread = Unread()
    text = metrics.text()
    assert {name: value(text, name) for name in GAUGES} == GAUGES
    assert labelled(text, "tyrex_isolate_replacements_total") == {(("cause", "deadline"),): 2, (("cause", "exit"),): 1}
    assert labelled(text, "tyrex_isolate_spares_total") == {(("result", "hit"),): 2, (("result", "miss"),): 1}
    assert labelled(text, "tyrex_connections_cut_off_total") == {(("reason", "bound"),): 3, (("reason", "stalled"),): 0}
    assert len(labelled(text, "tyrex_build_info")) == 1


class Unread:
    held = 8

    def __init__(self) -> None:
        self.cut_off = {"bound": 3, "stalled": 0}


GAUGES = {
    "tyrex_runtimes": 3,
    "tyrex_runtimes_ready": 2,
    "tyrex_evals_in_flight": 1,
    "tyrex_evals_queued": 7,
    "tyrex_connections": 9,
    "tyrex_unread_bytes": 8,
    "tyrex_eval_retries_total": 4,
    "tyrex_upstream_connections": 5,
}


class Weighted:
    """A strategy of a user's."""

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        return runtimes[0]


async def test_a_proxy_counts_for_the_strategy_it_has_now() -> None:
    """A custom one has the same name whatever its class is called: labels must not grow without bound."""
    async with pool_over({"a": Agent()}, None) as (remote, _):
        metrics = Metrics(remote.describe, UpstreamMetrics(remote))
        remote.changed = metrics.note_strategy
        for strategy in (make("Hash", random.Random(1)), adapt(Weighted())):
            remote.use_definition(Definition(PoolSpec.parse({"size": 1}), strategy))
            await until(lambda: remote.describe().ready_runtimes == 1)
            metrics.ended(await ask(remote), ticket(100.1, 100.2))
        counts = labelled(metrics.text(), "tyrex_evals_total")
    strategies = {dict(labels)["strategy"] for labels, count in counts.items() if count}
    assert strategies == {"Hash", "Custom"}


async def test_retries_and_connections_of_a_proxy() -> None:
    full = Agent(FULL)
    async with pool_of(full, Agent()) as remote:
        metrics = Metrics(remote.describe, UpstreamMetrics(remote))
        assert [await ask(remote) for _ in range(4)] == ["ok"] * 4
        shown = value(metrics.text(), "tyrex_eval_retries_total"), value(metrics.text(), "tyrex_upstream_connections")
    assert shown == (full.evals, 2)


def test_an_outcome_that_nobody_knows() -> None:
    """A runtime that was taken over may say anything; a label must not grow by it."""
    metrics = Metrics(pool)
    metrics.ended("made up", ticket(100.1, 100.2))
    counts = labelled(metrics.text(), "tyrex_evals_total")
    assert [dict(labels)["outcome"] for labels, count in counts.items() if count] == ["error"]


def test_labels_are_few() -> None:
    """A label that callers or guests could fill would grow without bound."""
    metrics = Metrics(pool, IsolateMetrics(Counts()), UpstreamMetrics(Counts()))
    metrics.ended("ok", ticket(100.1, 100.2))
    labels = {label for _, pairs in samples(metrics.text()) for label, _ in pairs}
    assert labels == {"outcome", "strategy", "cause", "result", "le", "version"}
