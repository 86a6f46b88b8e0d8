"""What tools that wait for objects make of one: the generic rules of kstatus (Flux, kpt), and `kubectl wait`.

The rules, not the code, of sigs.k8s.io/cli-utils/pkg/kstatus, for a kind that kstatus does not know, and of kubectl's
`wait --for=condition`.
"""

from typing import Any, Final

CURRENT: Final = "Current"
IN_PROGRESS: Final = "InProgress"
FAILED: Final = "Failed"
TERMINATING: Final = "Terminating"

Object = dict[str, Any]


def kstatus(item: Object) -> str:
    """The first rule that has an answer: deletion, generation, Reconciling or Stalled in their order, Ready."""
    metadata, status = item["metadata"], item.get("status", {})
    if metadata.get("deletionTimestamp"):
        return TERMINATING
    if "generation" in metadata and status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return IN_PROGRESS
    conditions = status.get("conditions", [])
    for one in conditions:
        if one["status"] == "True" and one["type"] in ("Reconciling", "Stalled"):
            return IN_PROGRESS if one["type"] == "Reconciling" else FAILED
    for one in conditions:
        if one["type"] == "Ready":
            return CURRENT if one["status"] == "True" else IN_PROGRESS
    return CURRENT


def waits(item: Object, condition: str) -> bool:
    """Whether `kubectl wait --for=condition=…` would go on waiting. A condition about an older spec does not count."""
    for one in item.get("status", {}).get("conditions", []):
        if one["type"].lower() == condition.lower():
            observed = one.get("observedGeneration", item["status"].get("observedGeneration"))
            outdated = observed is not None and observed < item["metadata"].get("generation", 0)
            return bool(outdated or one["status"].lower() != "true")
    return True
