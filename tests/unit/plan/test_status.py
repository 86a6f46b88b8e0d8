from typing import Any

import msgspec
import pytest

from tyrex_pool.model.components import ProxyComponent
from tyrex_pool.model.spec import MainModule, PoolSpec
from tyrex_pool.plan.observation import Observation, ProxyReport, Rollout
from tyrex_pool.plan.pod_troubles import PodTrouble
from tyrex_pool.plan.reasons import Reason
from tyrex_pool.plan.status import MESSAGE_LIMIT, Subject, condition, decide, is_outdated

SPEC = PoolSpec.parse({})
UP = Rollout(wanted=2, present=2, ready=2, current=True)
FIRST, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
PARKED_SPEC = msgspec.structs.replace(SPEC, size=0)
MODULE_SPEC = msgspec.structs.replace(SPEC, main_module=MainModule(inline="1"))
NO_PROXIES_SPEC = msgspec.structs.replace(SPEC, proxy=ProxyComponent(replicas=0))


def report(**changes: Any) -> ProxyReport:
    usual = {"generation": 3, "strategy_error": None, "ready_runtimes": 2, "failures": ()}
    return ProxyReport("render-proxy-x", **{**usual, **changes})


def subject(**changes: Any) -> Subject:
    return Subject(**{"name": "render", "namespace": "web", "generation": 3, "spec": SPEC, **changes})


def seen(**changes: Any) -> Observation:
    return Observation(**{"runtimes": UP, "proxies": UP, "reports": [report()], **changes})


def conditions(who: Subject, what: Observation) -> dict[str, tuple[str, str]]:
    status = decide(who, what, {}, FIRST)
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


@pytest.mark.parametrize(
    ("who", "what", "reason"),
    [
        pytest.param(subject(), seen(runtimes=None, proxies=None, reports=[]), "Starting", id="nothing there yet"),
        pytest.param(subject(), seen(runtimes=Rollout(2, 2, 1, True)), "Starting", id="one of two"),
        pytest.param(subject(), seen(runtimes=Rollout(2, 3, 2, False)), "Updating", id="a rollout"),
        pytest.param(subject(), seen(runtimes=Rollout(3, 2, 2, False)), "Updating", id="scaling, not seen yet"),
        pytest.param(
            subject(), seen(runtimes=Rollout(2, 3, 2, False, overdue=True)), "ProgressDeadlineExceeded", id="overdue"
        ),
        pytest.param(subject(), seen(runtimes=Rollout(2, 0, 0, False, "exceeded quota")), "PodsRefused", id="quota"),
        pytest.param(subject(), seen(reports=[report(generation=2)]), "Updating", id="a proxy is behind"),
        pytest.param(subject(), seen(reports=[report(ready_runtimes=1)]), "Updating", id="a proxy misses a runtime"),
        pytest.param(subject(), seen(reports=[report(strategy_error="no class")]), "InvalidStrategy", id="strategy"),
        pytest.param(
            subject(),
            seen(reports=[report(generation=2, strategy_error="old")]),
            "Updating",
            id="an old strategy's error",
        ),
        pytest.param(subject(), seen(reports=[report(failures=(("r", "it threw"),))]), "RuntimeFailed", id="runtime"),
        pytest.param(
            subject(spec=MODULE_SPEC),
            seen(reports=[report(failures=(("r", "it threw"),))]),
            "MainModuleFailed",
            id="main module",
        ),
        pytest.param(
            subject(),
            seen(troubles=[PodTrouble("p", "ImagePullFailed", "no such image")]),
            "ImagePullFailed",
            id="image",
        ),
        pytest.param(subject(), seen(refused=True), "Starting", id="refused connections"),
        pytest.param(
            subject(spec=PARKED_SPEC), seen(runtimes=Rollout(0, 2, 2, False)), "Updating", id="parked, with runtimes"
        ),
        pytest.param(
            subject(),
            seen(troubles=[PodTrouble("p", "Unschedulable", "no"), PodTrouble("q", "CrashLooping", "ended")]),
            "CrashLooping",
            id="what needs a person first",
        ),
        pytest.param(
            subject(),
            seen(
                runtimes=Rollout(2, 3, 2, False),
                reports=[report(failures=(("old", "it threw"),))],
                replaced=frozenset({"old"}),
            ),
            "Updating",
            id="a runtime that is being replaced",
        ),
        pytest.param(subject(spec=NO_PROXIES_SPEC), seen(), "NoProxies", id="no proxies"),
        pytest.param(subject(spec=None, failure=Reason("InvalidSpec", "bad")), seen(), "InvalidSpec", id="invalid"),
        pytest.param(subject(failure=Reason("ApplyFailed", "bad")), seen(), "ApplyFailed", id="refused"),
        pytest.param(subject(spec=None, deleting=True), seen(), "Deleting", id="deleting"),
    ],
)
def test_ready_is_false_with_the_reason_to_act_on(who: Subject, what: Observation, reason: str) -> None:
    assert conditions(who, what)["Ready"] == ("False", reason)


def test_a_pool_as_its_spec_says_is_ready() -> None:
    assert conditions(subject(), seen()) == {
        "Ready": ("True", "Ready"),
        "Available": ("True", "Available"),
        "Progressing": ("False", "Settled"),
        "Stalled": ("False", "NotStalled"),
        "Reconciled": ("True", "Applied"),
    }


def test_proxies_that_cannot_be_asked_do_not_hold_it_up() -> None:
    assert conditions(subject(), seen(reports=[]))["Ready"] == ("True", "Ready")


def test_an_invalid_spec_does_not_hide_that_the_old_runtimes_answer() -> None:
    found = conditions(subject(spec=None, failure=Reason("InvalidSpec", "bad")), seen())
    assert found["Available"] == ("True", "Available")
    assert found["Reconciled"] == ("False", "InvalidSpec")
    assert found["Progressing"] == ("False", "InvalidSpec")


def test_a_parked_pool_is_what_it_should_be_and_not_available() -> None:
    assert conditions(subject(spec=PARKED_SPEC), seen(runtimes=Rollout(current=True), reports=[])) == {
        "Ready": ("True", "Parked"),
        "Available": ("False", "Parked"),
        "Progressing": ("False", "Settled"),
        "Stalled": ("False", "NotStalled"),
        "Reconciled": ("True", "Applied"),
    }


IS_SET = "annotation tyrex.dev/paused is set: the operator changes nothing"
TO_APPLY = "remove the annotation to apply the spec"


@pytest.mark.parametrize(
    ("pending", "before", "message"),
    [
        pytest.param((), {}, IS_SET, id="as its spec says"),
        pytest.param(
            ("ConfigMap a", "Deployment a"),
            {"appliedGeneration": 2},
            f"{IS_SET}; generation 3 of the spec is not applied, the objects are those of generation 2: "
            f"ConfigMap a, Deployment a differ; {TO_APPLY}",
            id="behind",
        ),
        pytest.param(
            ("ConfigMap a", "Deployment b", "Service c", "Role d", "Role e"),
            {"appliedGeneration": 3},
            f"{IS_SET}; ConfigMap a, Deployment b, Service c and 2 more differ from generation 3 of the spec; "
            f"{TO_APPLY}",
            id="edited by hand",
        ),
        pytest.param(
            ("Service a",),
            {},
            f"{IS_SET}; generation 3 of the spec is not applied, nothing was applied yet: Service a differs; "
            f"{TO_APPLY}",
            id="paused from the beginning",
        ),
    ],
)
def test_a_paused_pool_says_what_is_not_applied(pending: tuple[str, ...], before: dict[str, Any], message: str) -> None:
    status = decide(subject(paused=True, pending=pending), seen(), before, FIRST)
    found = condition(status, "Reconciled")
    assert (found["status"], found["reason"], found["message"]) == ("False", "Paused", message)
    assert condition(status, "Ready")["status"] == str(not pending)
    assert status.get("appliedGeneration") == (before.get("appliedGeneration") if pending else 3)


def test_the_applied_generation_is_that_of_the_last_spec_that_could_be_applied() -> None:
    before = decide(subject(), seen(), {}, FIRST)
    invalid = decide(subject(generation=4, spec=None, failure=Reason("InvalidSpec", "bad")), seen(), before, LATER)
    assert (invalid["observedGeneration"], invalid["appliedGeneration"]) == (4, 3)
    assert decide(subject(generation=5), seen(), invalid, LATER)["appliedGeneration"] == 5


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"generation": 4}, True, id="the spec"),
        pytest.param({"labels": {"a": "b"}}, False, id="a label"),
        pytest.param({"deletionTimestamp": FIRST}, True, id="deleted"),
        pytest.param({"annotations": {"tyrex.dev/paused": "true"}}, True, id="paused"),
        pytest.param({"annotations": {"tyrex.dev/paused": "no"}}, False, id="not quite paused"),
    ],
)
def test_a_status_is_outdated_when_a_person_has_changed_the_pool(changed: dict[str, Any], expected: bool) -> None:
    status = decide(subject(), seen(), {}, FIRST)
    assert is_outdated({"metadata": {"generation": 3, **changed}, "status": status}) is expected


def test_a_pool_without_a_status_is_outdated_and_one_that_goes_on_after_a_pause_too() -> None:
    assert is_outdated({"metadata": {"generation": 1}})
    paused = decide(subject(paused=True), seen(), {}, FIRST)
    assert is_outdated({"metadata": {"generation": 3}, "status": paused})


def test_a_paused_pool_says_so_and_still_tells_how_it_is() -> None:
    found = conditions(subject(paused=True), seen())
    assert found["Reconciled"] == ("False", "Paused")
    assert found["Ready"] == ("True", "Ready")


def test_what_passes_by_itself_is_progress_and_what_does_not_is_none() -> None:
    assert conditions(subject(), seen(runtimes=Rollout(2, 2, 1, True)))["Progressing"] == ("True", "Starting")
    broken = seen(troubles=[PodTrouble("p", "CrashLooping", "ended")])
    assert conditions(subject(), broken)["Progressing"] == ("False", "CrashLooping")


def test_the_same_again_changes_nothing_and_a_turn_moves_only_its_own_time() -> None:
    before = decide(subject(), seen(), {}, FIRST)
    assert decide(subject(), seen(), before, LATER) == before
    after = decide(subject(generation=4), seen(), before, LATER)
    times = {one["type"]: one["lastTransitionTime"] for one in after["conditions"]}
    held = dict.fromkeys(("Available", "Stalled", "Reconciled"), FIRST)
    assert times == {"Ready": LATER, "Progressing": LATER, **held}
    assert {one["observedGeneration"] for one in after["conditions"]} == {4}


def test_a_long_message_is_cut() -> None:
    status = decide(subject(failure=Reason("ApplyFailed", "x" * 5000)), seen(), {}, FIRST)
    assert len(condition(status, "Ready")["message"]) == MESSAGE_LIMIT


def test_the_rest_of_the_status() -> None:
    status = decide(subject(deno_flags=("--no-remote",)), seen(), {}, FIRST)
    del status["conditions"]
    assert status == {
        "observedGeneration": 3,
        "appliedGeneration": 3,
        "size": 2,
        "readyRuntimes": 2,
        "selector": "tyrex.dev/pool=render,app.kubernetes.io/component=runtime",
        "url": "http://render.web.svc",
        "denoFlags": ["--no-remote"],
    }


def test_an_invalid_spec_keeps_the_flags_that_the_runtimes_have() -> None:
    before = decide(subject(deno_flags=("--no-remote",)), seen(), {}, FIRST)
    after = decide(subject(spec=None, failure=Reason("InvalidSpec", "bad")), seen(), before, LATER)
    assert after["denoFlags"] == ["--no-remote"]
