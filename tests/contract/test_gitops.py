"""What GitOps tools make of a pool in each of its states: kstatus (Flux), `kubectl wait`, Argo CD's health script."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml
from lupa.lua51 import LuaRuntime

from tests.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING, kstatus, waits
from tyrex_pool.model import names
from tyrex_pool.model.components import ProxyComponent
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.observation import Observation, ProxyReport, Rollout
from tyrex_pool.plan.pod_troubles import PodTrouble
from tyrex_pool.plan.reasons import Reason
from tyrex_pool.plan.status import Subject, decide

Object = dict[str, Any]
GENERATION = 3
SPEC = PoolSpec.parse({})
UP = Rollout(wanted=2, present=2, ready=2, current=True, updated=2)
NONE = Rollout(current=True)
KINDS = {"Ready", "Available", "Progressing", "Stalled", "Reconciled"}


class Told(NamedTuple):
    """`ready` and `available`: whether `kubectl wait` for that condition returns."""

    kstatus: str
    ready: bool
    available: bool
    argo: str


SETTLED = Told(CURRENT, ready=True, available=True, argo="Healthy")
PARKED = Told(CURRENT, ready=True, available=False, argo="Healthy")
STARTING = Told(IN_PROGRESS, ready=False, available=False, argo="Progressing")
UPDATING = Told(IN_PROGRESS, ready=False, available=True, argo="Progressing")
BROKEN = Told(FAILED, ready=False, available=False, argo="Degraded")
DEGRADED = Told(FAILED, ready=False, available=True, argo="Degraded")
PAUSED = Told(CURRENT, ready=True, available=True, argo="Suspended")
BEHIND = Told(FAILED, ready=False, available=True, argo="Suspended")


def subject(**changes: Any) -> Subject:
    return Subject(**{"name": "p", "namespace": "web", "generation": GENERATION, "spec": SPEC, **changes})


def seen(**changes: Any) -> Observation:
    report = ProxyReport("p-proxy", GENERATION, None, 2, ())
    return Observation(**{"runtimes": UP, "proxies": UP, "reports": [report], **changes})


def spec(**fields: Any) -> PoolSpec:
    return msgspec.structs.replace(SPEC, **fields)


def failing(reason: str) -> Observation:
    return seen(runtimes=Rollout(2, 2, 0, True, updated=2), troubles=[PodTrouble("p-1", reason, "why")])


def refused(reason: str) -> Subject:
    return subject(spec=None if reason == "InvalidSpec" else SPEC, failure=Reason(reason, "why"))


STATES = {
    "ready": (subject(), seen(), SETTLED),
    "starting": (subject(), seen(runtimes=None, proxies=None, reports=[]), STARTING),
    "rolling out": (subject(), seen(runtimes=Rollout(2, 3, 2, False, updated=1)), UPDATING),
    "a proxy behind": (subject(), seen(reports=[ProxyReport("p-proxy", 2, None, 2, ())]), UPDATING),
    "parked": (subject(spec=spec(size=0)), seen(runtimes=NONE, reports=[]), PARKED),
    "parked without proxies": (
        subject(spec=spec(size=0, proxy=ProxyComponent(replicas=0))), seen(runtimes=NONE, proxies=NONE, reports=[]),
        PARKED,
    ),
    "to be parked": (subject(spec=spec(size=0)), seen(runtimes=Rollout(0, 2, 2, False)), UPDATING),
    "without proxies": (
        subject(spec=spec(proxy=ProxyComponent(replicas=0))), seen(proxies=NONE, reports=[]), BROKEN,
    ),
    **{
        f"refused: {reason}": (refused(reason), seen(), DEGRADED)
        for reason in ("InvalidSpec", "ConfigMapNotFound", "ApplyFailed")
    },
    **{
        f"pods: {reason}": (subject(), failing(reason), BROKEN)
        for reason in ("ImagePullFailed", "MountFailed", "ContainerStartFailed", "OutOfMemory", "CrashLooping")
    },
    "pods: Unschedulable": (subject(), failing("Unschedulable"), STARTING),
    "pods: Unschedulable for ten minutes": (
        subject(),
        seen(
            runtimes=Rollout(2, 2, 0, True, overdue=True, updated=2),
            troubles=[PodTrouble("p-1", "Unschedulable", "why")],
        ),
        BROKEN,
    ),
    "quota": (subject(), seen(runtimes=Rollout(2, 0, 0, False, "exceeded quota")), BROKEN),
    "overdue": (subject(), seen(runtimes=Rollout(2, 3, 2, False, overdue=True, updated=1)), DEGRADED),
    "strategy": (subject(), seen(reports=[ProxyReport("p-proxy", 3, "no class", 2, ())]), DEGRADED),
    "main module": (
        subject(),
        seen(
            runtimes=Rollout(2, 2, 0, True, updated=2),
            reports=[ProxyReport("p-proxy", 3, None, 0, (("p-1", "it threw"),))],
        ),
        BROKEN,
    ),
    "paused": (subject(paused=True), seen(), PAUSED),
    "paused and parked": (
        subject(paused=True, spec=spec(size=0)), seen(runtimes=NONE, reports=[]),
        Told(CURRENT, ready=True, available=False, argo="Suspended"),
    ),
    "paused and behind": (subject(paused=True, pending=["Deployment p-runtime"]), seen(), BEHIND),
    "paused and broken": (subject(paused=True), failing("CrashLooping"), BROKEN),
    "paused and invalid": (subject(paused=True, spec=None, failure=Reason("InvalidSpec", "why")), seen(), DEGRADED),
}  # fmt: skip


def pool(status: Object, generation: int = GENERATION, **metadata: Any) -> Object:
    known = {"name": "p", "namespace": "web", "generation": generation}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {**known, **metadata}, "status": status}


@pytest.fixture(scope="module")
def argo(root: Path) -> Callable[[Object], Object]:
    """Argo CD's health of an object, by the script that the example has. Argo CD runs Lua 5.1."""
    config_map = yaml.safe_load((root / "examples/gitops/argocd-cm.yaml").read_text())
    script = config_map["data"][f"resource.customizations.health.{names.GROUP}_{names.KIND}"]

    def health(item: Object) -> Object:
        lua = LuaRuntime(unpack_returned_tuples=True)
        lua.globals()["obj"] = lua.table_from(item, recursive=True)
        return dict(lua.execute(script).items())

    return health


def told(item: Object, argo: Callable[[Object], Object]) -> Told:
    health = argo(item)
    assert health["message"]
    return Told(kstatus(item), not waits(item, "Ready"), not waits(item, "Available"), health["status"])


@pytest.mark.parametrize(("who", "what", "expected"), [pytest.param(*state, id=name) for name, state in STATES.items()])
def test_what_a_pool_is_taken_for(
    who: Subject, what: Observation, expected: Told, argo: Callable[[Object], Object]
) -> None:
    status = decide(who, what, {}, "2026-01-01T00:00:00Z")
    assert told(pool(status), argo) == expected
    said = {one["type"]: one["status"] for one in status["conditions"]}
    assert set(said) == KINDS
    assert sorted(said[kind] for kind in ("Ready", "Progressing", "Stalled")) == ["False", "False", "True"]


def test_a_spec_that_was_not_seen_yet_is_in_progress(argo: Callable[[Object], Object]) -> None:
    for who, what, _ in STATES.values():
        status = decide(who, what, {}, "2026-01-01T00:00:00Z")
        assert told(pool(status, GENERATION + 1), argo) == STARTING


def test_before_any_operator_saw_it_a_pool_is_in_progress(root: Path, argo: Callable[[Object], Object]) -> None:
    crd = yaml.safe_load((root / "crds/tyrexpool.yaml").read_text())
    (version,) = crd["spec"]["versions"]
    default = version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    assert {one["type"]: one["status"] for one in default["conditions"]} == dict.fromkeys(KINDS, "Unknown")
    assert told(pool(default, generation=1), argo) == STARTING
    assert told(pool({"conditions": default["conditions"]}, generation=1), argo) == STARTING


def test_without_any_status_argo_cd_waits_too(argo: Callable[[Object], Object]) -> None:
    assert argo({"metadata": {"generation": 1}})["status"] == "Progressing"


def test_a_pool_that_is_being_deleted(argo: Callable[[Object], Object]) -> None:
    status = decide(subject(spec=None, deleting=True), seen(), {}, "2026-01-01T00:00:00Z")
    assert kstatus(pool(status, deletionTimestamp="2026-01-01T00:00:00Z")) == TERMINATING
    assert argo(pool(status))["status"] == "Progressing"


def test_the_table_of_the_docs_has_just_these_combinations(root: Path) -> None:
    page = (root / "docs/gitops.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    written = {(kstatus, argo) for _, _, kstatus, argo in rows[2:]}
    found = {(expected.kstatus, expected.argo) for _, _, expected in STATES.values()}
    assert written == found | {(TERMINATING, "Progressing")}
