from typing import Any

import msgspec
import pytest

from tyrex_pool.model.components import ProxyComponent
from tyrex_pool.model.spec import MainModule, PoolSpec
from tyrex_pool.plan.observation import Observation, PodTrouble, ProxyReport, Rollout
from tyrex_pool.plan.status import MESSAGE_LIMIT, Reason, Subject, condition, decide

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
        pytest.param(subject(spec=PARKED_SPEC), seen(runtimes=Rollout(current=True)), "Parked", id="parked"),
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
        "Reconciled": ("True", "Applied"),
    }


def test_proxies_that_cannot_be_asked_do_not_hold_it_up() -> None:
    assert conditions(subject(), seen(reports=[]))["Ready"] == ("True", "Ready")


def test_an_invalid_spec_does_not_hide_that_the_old_runtimes_answer() -> None:
    found = conditions(subject(spec=None, failure=Reason("InvalidSpec", "bad")), seen())
    assert found["Available"] == ("True", "Available")
    assert found["Reconciled"] == ("False", "InvalidSpec")
    assert found["Progressing"] == ("False", "InvalidSpec")


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
    assert times == {"Ready": LATER, "Available": FIRST, "Progressing": LATER, "Reconciled": FIRST}
    assert {one["observedGeneration"] for one in after["conditions"]} == {4}


def test_a_long_message_is_cut() -> None:
    status = decide(subject(failure=Reason("ApplyFailed", "x" * 5000)), seen(), {}, FIRST)
    assert len(condition(status, "Ready")["message"]) == MESSAGE_LIMIT


def test_the_rest_of_the_status() -> None:
    status = decide(subject(deno_flags=("--no-remote",)), seen(), {}, FIRST)
    del status["conditions"]
    assert status == {
        "observedGeneration": 3,
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
