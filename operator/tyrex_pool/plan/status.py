"""Decides a pool's status from its observed state: always five conditions, each with a stable reason.

Ready        the pool is what its spec says: it answers evals, or is parked
Available    evals are answered, maybe by fewer runtimes or by those of an older spec
Progressing  the pool changes towards its spec
Stalled      the pool is not what its spec says, and stays so until a person acts
Reconciled   the operator has applied everything that the spec asks for

Exactly one of Ready, Progressing and Stalled is True. kstatus, and the tools that use it, read just that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tyrex_pool.model import names
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan import reasons
from tyrex_pool.plan.observation import Observation, ProxyReport, Rollout
from tyrex_pool.plan.pod_troubles import PodTrouble
from tyrex_pool.plan.reasons import AVAILABLE, PROGRESSING, READY, RECONCILED, STALLED, STARTING, UPDATING, Reason

MESSAGE_LIMIT: Final = 1024
_NAMED: Final = 3
"""How many objects a message names."""
_SETTLED: Final = Reason("Settled", "the pool is what its spec says")
_NOT_STALLED: Final = Reason("NotStalled", "nothing waits for a person")


@dataclass(frozen=True, slots=True)
class Subject:
    """The pool that the status is about. `failure`: why the spec could not be applied; `spec` None: it is invalid;
    `pending`: the objects that differ from the spec because the pool is paused; `contested`: what others keep changing;
    `applied_spec`: the note of a spec that was applied as a whole, else None.
    """

    name: str
    namespace: str
    generation: int
    spec: PoolSpec | None
    failure: Reason | None = None
    paused: bool = False
    deleting: bool = False
    deno_flags: Sequence[str] = ()
    pending: Sequence[str] = ()
    contested: Reason | None = None
    applied_spec: str | None = None

    @property
    def applied(self) -> bool:
        """Whether the objects of the pool are those of this generation."""
        done = self.spec is not None and self.failure is None and not self.deleting
        return done and not self.pending


def decide(subject: Subject, seen: Observation, before: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The new status. `now`: RFC 3339. `before` is the present status; a condition keeps its time unless it changes."""
    applied = subject.generation if subject.applied else before.get("appliedGeneration")
    paused = _paused(subject, applied)
    unready = _unready(subject, seen, paused)
    stalled = unready is not None and (unready.reason not in reasons.PASSING or _overdue(subject, seen))
    judged = {
        READY: (unready is None, unready or _ready(subject)),
        AVAILABLE: _available(subject, seen),
        PROGRESSING: (unready is not None and not stalled, unready or _SETTLED),
        STALLED: (stalled, unready if unready and stalled else _NOT_STALLED),
        RECONCILED: _reconciled(subject, paused),
    }
    status: dict[str, Any] = {
        "observedGeneration": subject.generation,
        "size": seen.runtimes.present if seen.runtimes else 0,
        "readyRuntimes": seen.runtimes.ready if seen.runtimes else 0,
        "selector": names.selector(subject.name, names.COMPONENT_RUNTIME),
        "url": f"http://{names.service_host(subject.name, subject.namespace)}",
        "conditions": [_condition(kind, *said, subject.generation, before, now) for kind, said in judged.items()],
    }
    if applied is not None:
        status["appliedGeneration"] = applied
    if subject.spec is not None:
        status["denoFlags"] = list(subject.deno_flags)
    elif "denoFlags" in before:
        status["denoFlags"] = before["denoFlags"]
    if (note := subject.applied_spec or before.get(names.STATUS_APPLIED)) is not None:
        status[names.STATUS_APPLIED] = note
    return status


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition `kind` of a status; empty when the status has none."""
    return next((one for one in status.get("conditions", ()) if one["type"] == kind), {})


def is_outdated(pool: Mapping[str, Any]) -> bool:
    """Whether a user has changed the pool since its status was decided, or deletes it."""
    metadata, status = pool["metadata"], pool.get("status", {})
    said_paused = condition(status, RECONCILED).get("reason") == reasons.PAUSED
    return (
        status.get("observedGeneration") != metadata.get("generation")
        or is_paused(pool) != said_paused
        or "deletionTimestamp" in metadata
    )


def is_paused(pool: Mapping[str, Any]) -> bool:
    """Whether its annotation says that the operator must change nothing."""
    annotations = pool["metadata"].get("annotations") or {}
    return bool(annotations.get(names.ANNOTATION_PAUSED) == "true")


def _unready(subject: Subject, seen: Observation, paused: Reason | None) -> Reason | None:
    """Why the pool is not Ready: the first cause, those to act on before those that pass by themselves."""
    spec = subject.spec
    if subject.deleting:
        return Reason(reasons.DELETING, "evals in flight end, then everything goes")
    if subject.failure is not None or spec is None:
        return subject.failure
    if subject.pending:
        return paused
    checks = (
        _strategy_problem(subject.generation, seen.reports),
        _pod_problem(seen.troubles),
        _stuck(seen),
        _runtime_problem(spec, seen),
        _no_proxies(spec),
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
    first = min(troubles, key=lambda one: one.reason in reasons.PASSING)
    others = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
    return Reason(first.reason, f"pod {first.pod}{others}: {first.message}")


def _stuck(seen: Observation) -> Reason | None:
    for rollout in (seen.runtimes, seen.proxies):
        if rollout is not None and rollout.stuck is not None:
            return Reason("PodsRefused", rollout.stuck)
    return None


def _runtime_problem(spec: PoolSpec, seen: Observation) -> Reason | None:
    """Why runtimes of the newest spec do not start."""
    failures = [failure for report in seen.reports for failure in report.failures if failure[0] not in seen.replaced]
    if not failures:
        return None
    runtime, why = failures[0]
    return Reason("RuntimeFailed" if spec.main_module is None else "MainModuleFailed", f"runtime {runtime}: {why}")


def _no_proxies(spec: PoolSpec) -> Reason | None:
    if spec.size and not spec.proxy.replicas:
        return Reason(reasons.NO_PROXIES, "spec.proxy.replicas is 0: nobody answers; write 1 or more, or size: 0")
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
            return Reason(
                reasons.PROGRESS_DEADLINE_EXCEEDED, f"{progress}, and it does not go on; look at the pods' events"
            )
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


def _overdue(subject: Subject, seen: Observation) -> bool:
    """Whether a Deployment has given up waiting for its pods."""
    if subject.deleting:
        return False
    return any(rollout is not None and rollout.overdue for rollout in (seen.runtimes, seen.proxies))


def _available(subject: Subject, seen: Observation) -> tuple[bool, Reason]:
    for what, rollout in (("runtime", seen.runtimes), ("proxy", seen.proxies)):
        if rollout is None or not rollout.ready:
            return False, _parked(subject) or Reason(f"No{what.capitalize()}Ready", f"no {what} is ready")
    if (problem := _service_problem(seen)) is not None:
        return False, Reason("NoService", problem.message)
    return True, Reason(AVAILABLE, "evals are answered")


def _service_problem(seen: Observation) -> Reason | None:
    if seen.service is not None:
        return Reason(STARTING, seen.service)
    return Reason(STARTING, "the Service does not lead to the proxies yet") if seen.refused else None


def _parked(subject: Subject) -> Reason | None:
    if subject.spec is None or subject.spec.size:
        return None
    return Reason(reasons.PARKED, "the pool is parked: its size is 0; scale it up to use it")


def _reconciled(subject: Subject, paused: Reason | None) -> tuple[bool, Reason]:
    failed = paused or subject.failure or subject.contested
    return failed is None, failed or Reason("Applied", "everything that the spec asks for is written down")


def _paused(subject: Subject, applied: int | None) -> Reason | None:
    """What a paused pool says; `applied`: the generation of the spec that its objects are made from."""
    if not subject.paused:
        return None
    said = f"annotation {names.ANNOTATION_PAUSED} is set: the operator changes nothing"
    if subject.pending:
        said = f"{said}; {_behind(subject, applied)}; remove the annotation to apply the spec"
    return Reason(reasons.PAUSED, said)


def _behind(subject: Subject, applied: int | None) -> str:
    named, others = subject.pending[:_NAMED], len(subject.pending) - _NAMED
    more = f" and {others} more" if others > 0 else ""
    differing = f"{', '.join(named)}{more} differ{'s' if len(subject.pending) == 1 else ''}"
    if applied == subject.generation:
        return f"{differing} from generation {applied} of the spec"
    since = "nothing was applied yet" if applied is None else f"the objects are those of generation {applied}"
    return f"generation {subject.generation} of the spec is not applied, {since}: {differing}"


def _ready(subject: Subject) -> Reason:
    size = subject.spec.size if subject.spec else 0
    return _parked(subject) or Reason(READY, f"{size} runtime{'s are' if size != 1 else ' is'} ready")


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
