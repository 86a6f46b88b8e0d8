"""What real isolates and connections come to in the metrics of a server."""

from tests.local.conftest import Start
from tests.local.problems import problem
from tests.local.running import RunningPool, until
from tests.unit.server.exposed import value

SPEC = {"size": 1, "strategy": {"type": "LeastLoaded"}}


def shown(pool: RunningPool, name: str, **labels: str) -> float:
    return value(pool.admin.get("/metrics").content, name, **labels) or 0


def test_evals_and_connections(start: Start) -> None:
    pool = start(**SPEC)
    assert pool.eval("1 + 2") == 3
    problem(pool.post("throw 1"), "execution_error")
    assert shown(pool, "tyrex_evals_total", outcome="ok", strategy="LeastLoaded") == 1
    assert shown(pool, "tyrex_evals_total", outcome="execution_error", strategy="LeastLoaded") == 1
    assert shown(pool, "tyrex_eval_run_seconds_count") == 2
    assert shown(pool, "tyrex_connections") >= 1
    assert shown(pool, "process_resident_memory_bytes") > 1 << 20


def test_a_spare_that_stood_ready_and_one_that_did_not(start: Start) -> None:
    pool = start(**SPEC)

    def spares() -> tuple[float, float]:
        return tuple(shown(pool, "tyrex_isolate_spares_total", result=result) for result in ("hit", "miss"))  # type: ignore[return-value]

    def kill() -> float:
        problem(pool.post("Deno.exit(0)"), "dead_runtime_error", "guest")
        return spares()[0]

    until(kill)
    until(lambda: (kill(), spares()[1])[1])
    hits, misses = spares()
    assert shown(pool, "tyrex_isolate_replacements_total", cause="exit") == hits + misses
