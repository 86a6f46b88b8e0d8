"""Decides a pool's status from its observed state: always four conditions, each with a stable reason.

Ready        the pool is what its spec says, and answers evals
Available    evals are answered, maybe by fewer runtimes or by those of an older spec
Progressing  the pool changes towards its spec
Reconciled   the operator has applied everything that the spec asks for
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tyrex_pool.model import names
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.observation import Observation, PodTrouble, ProxyReport, Rollout

READY: Final = "Ready"
AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
RECONCILED: Final = "Reconciled"
MESSAGE_LIMIT: Final = 1024

PARKED: Final = "Parked"
PAUSED: Final = "Paused"
STARTING: Final = "Starting"
UPDATING: Final = "Updating"
_WORKING: Final = frozenset({STARTING, UPDATING})
"""Reasons of Ready=False that pass by themselves."""


class Reason(NamedTuple):
    """Why a condition has its status: `reason` for programs, `message` for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The pool that the status is about. `failure`: why the spec could not be applied; `spec` None: it is invalid.

    `contested`: what others keep changing; `applied`: the note of a spec that was applied as a whole, else None.
    """

    name: str
    namespace: str
    generation: int
    spec: PoolSpec | None
    failure: Reason | None = None
    paused: bool = False
    deleting: bool = False
    deno_flags: Sequence[str] = ()
    contested: Reason | None = None
    applied: str | None = None


def decide(subject: Subject, seen: Observation, before: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The new status. `now`: RFC 3339. `before` is the present status; a condition keeps its time unless it changes."""
    unready = _unready(subject, seen)
    available = _available(seen)
    judged = {
        READY: (unready is None, unready or Reason(READY, _ready_message(subject))),
        AVAILABLE: available,
        PROGRESSING: _progressing(subject, unready),
        RECONCILED: _reconciled(subject),
    }
    status: dict[str, Any] = {
        "observedGeneration": subject.generation,
        "size": seen.runtimes.present if seen.runtimes else 0,
        "readyRuntimes": seen.runtimes.ready if seen.runtimes else 0,
        "selector": names.selector(subject.name, names.COMPONENT_RUNTIME),
        "url": f"http://{names.service_host(subject.name, subject.namespace)}",
        "conditions": [_condition(kind, *said, subject.generation, before, now) for kind, said in judged.items()],
    }
    if subject.spec is not None:
        status["denoFlags"] = list(subject.deno_flags)
    elif "denoFlags" in before:
        status["denoFlags"] = before["denoFlags"]
    if (applied := subject.applied or before.get(names.STATUS_APPLIED)) is not None:
        status[names.STATUS_APPLIED] = applied
    return status


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition `kind` of a status; empty when the status has none."""
    return next((one for one in status.get("conditions", ()) if one["type"] == kind), {})


def _unready(subject: Subject, seen: Observation) -> Reason | None:
    """Why the pool is not Ready: the first cause, those to act on before those that pass by themselves."""
    spec = subject.spec
    if subject.deleting:
        return Reason("Deleting", "evals in flight end, then everything goes")
    if subject.failure is not None or spec is None:
        return subject.failure
    checks = (
        _strategy_problem(subject.generation, seen.reports),
        _pod_problem(seen.troubles),
        _stuck(seen),
        _runtime_problem(spec, seen.reports),
        _parked(spec),
        _rollouts(spec, seen),
        _followers(subject, spec, seen),
        _service_problem(seen),
    )
    return next(filter(None, checks), None)


def _strategy_problem(generation: int, reports: Sequence[ProxyReport]) -> Reason | None:
    for report in reports:
        if report.strategy_error is not None and report.generation in (generation, None):
            return Reason("InvalidStrategy", report.strategy_error)
    return None


def _pod_problem(troubles: Sequence[PodTrouble]) -> Reason | None:
    if not troubles:
        return None
    first = troubles[0]
    others = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
    return Reason(first.reason, f"pod {first.pod}{others}: {first.message}")


def _stuck(seen: Observation) -> Reason | None:
    for rollout in (seen.runtimes, seen.proxies):
        if rollout is not None and rollout.stuck is not None:
            return Reason("PodsRefused", rollout.stuck)
    return None


def _runtime_problem(spec: PoolSpec, reports: Sequence[ProxyReport]) -> Reason | None:
    failures = [failure for report in reports for failure in report.failures]
    if not failures:
        return None
    runtime, why = failures[0]
    return Reason("RuntimeFailed" if spec.main_module is None else "MainModuleFailed", f"runtime {runtime}: {why}")


def _parked(spec: PoolSpec) -> Reason | None:
    if spec.size == 0:
        return Reason(PARKED, "the pool is parked: its size is 0; scale it up to use it")
    if spec.proxy.replicas == 0:
        return Reason("NoProxies", "spec.proxy.replicas is 0: nobody answers; write 1 or more")
    return None


def _rollouts(spec: PoolSpec, seen: Observation) -> Reason | None:
    """Whether pods are still to be created or deleted."""
    wanted = (("runtimes", seen.runtimes, spec.size), ("proxies", seen.proxies, spec.proxy.replicas))
    for what, rollout, number in wanted:
        rollout = rollout or Rollout()
        if rollout.settled and rollout.wanted == number:
            continue
        progress = f"{rollout.ready} of {number} {what} are ready"
        if rollout.overdue:
            return Reason("ProgressDeadlineExceeded", f"{progress}, and it does not go on; look at the pods' events")
        if rollout.ready and not rollout.current:
            return Reason(UPDATING, f"{progress}; pods are being replaced or added")
        return Reason(STARTING, progress)
    return None


def _followers(subject: Subject, spec: PoolSpec, seen: Observation) -> Reason | None:
    """Whether each proxy that answered follows the newest spec, and reaches every runtime."""
    for report in seen.reports:
        if report.generation is not None and report.generation < subject.generation:
            return Reason(UPDATING, f"proxy {report.proxy} follows generation {report.generation} of the spec so far")
        if report.ready_runtimes < spec.size:
            return Reason(
                UPDATING, f"proxy {report.proxy} reaches {report.ready_runtimes} of {spec.size} runtimes so far"
            )
    return None


def _available(seen: Observation) -> tuple[bool, Reason]:
    for what, rollout in (("runtime", seen.runtimes), ("proxy", seen.proxies)):
        if rollout is None or not rollout.ready:
            return False, Reason(f"No{what.capitalize()}Ready", f"no {what} is ready")
    if (problem := _service_problem(seen)) is not None:
        return False, Reason("NoService", problem.message)
    return True, Reason(AVAILABLE, "evals are answered")


def _service_problem(seen: Observation) -> Reason | None:
    if seen.service is not None:
        return Reason(STARTING, seen.service)
    return Reason(STARTING, "the Service does not lead to the proxies yet") if seen.refused else None


def _progressing(subject: Subject, unready: Reason | None) -> tuple[bool, Reason]:
    if unready is None:
        return False, Reason("Settled", "the pool is what its spec says")
    if subject.deleting or unready.reason in _WORKING:
        return True, unready
    return False, unready


def _reconciled(subject: Subject) -> tuple[bool, Reason]:
    if subject.paused:
        return False, Reason(PAUSED, f"annotation {names.ANNOTATION_PAUSED} is set: the operator changes nothing")
    if (problem := subject.failure or subject.contested) is not None:
        return False, problem
    return True, Reason("Applied", "everything that the spec asks for is written down")


def _ready_message(subject: Subject) -> str:
    size = subject.spec.size if subject.spec else 0
    return f"{size} runtime{'s are' if size != 1 else ' is'} ready"


def _condition(
    kind: str, holds: bool, why: Reason, generation: int, before: Mapping[str, Any], now: str
) -> dict[str, Any]:
    old = condition(before, kind)
    status = str(holds)
    message = why.message if len(why.message) <= MESSAGE_LIMIT else why.message[: MESSAGE_LIMIT - 1] + "…"
    return {
        "type": kind,
        "status": status,
        "reason": why.reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": old.get("lastTransitionTime", now) if old.get("status") == status else now,
    }
