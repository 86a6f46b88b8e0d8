"""Which traces are remembered, and for how long."""

from tyrex_pool.runtime.traces import KEPT, Traces


def test_an_eval_has_its_trace_while_it_runs_and_a_while_after() -> None:
    traces = Traces()
    traces.begin("r0.1.1", b"one")
    traces.begin("r0.1.2", b"two")
    assert (traces.of("r0.1.1"), traces.of("r0.1.2"), traces.of("r0.1.3")) == (b"one", b"two", b"")
    traces.end("r0.1.1")
    assert traces.of("r0.1.1") == b"one"


def test_only_the_last_that_ended_are_kept_and_all_that_run() -> None:
    traces = Traces()
    traces.begin("long", b"long")
    for number in range(KEPT * 3):
        traces.begin(str(number), b"%d" % number)
        traces.end(str(number))
    known = [number for number in range(KEPT * 3) if traces.of(str(number))]
    assert known == [*range(KEPT * 2, KEPT * 3)]
    assert traces.of("long") == b"long"
