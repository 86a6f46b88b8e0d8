"""Pods at the restricted level of the Pod Security Standards, and what selects them."""

from collections.abc import Iterator
from typing import Any

from tests.chart.helm import FULLNAME, OPERATOR, Object, Rendered


def test_every_pod_is_restricted(any_release: Rendered) -> None:
    pods = dict(any_release.pods())
    assert pods
    for owner, pod in pods.items():
        assert unrestricted(pod) == [], owner


def unrestricted(pod: Object) -> list[str]:
    """What keeps a pod from the restricted level, and from a root file system that nobody writes to."""
    context = pod["securityContext"]
    found = [field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    if (
        not context["runAsNonRoot"]
        or context["runAsUser"] == 0
        or context["seccompProfile"]["type"] != "RuntimeDefault"
    ):
        found.append("securityContext")
    if any(set(volume) - {"name", "emptyDir"} for volume in pod.get("volumes", [])):
        found.append("volumes")
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        wanted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        if container["securityContext"] != wanted:
            found.append(container["name"])
    return found


def test_a_token_only_where_it_is_needed(default: Rendered) -> None:
    tokens = {owner: pod["automountServiceAccountToken"] for owner, pod in default.pods()}
    assert tokens == {
        f"Deployment/{OPERATOR}": True,
        f"Job/{FULLNAME}-remove-pools": True,
        f"Job/{FULLNAME}-test": False,
    }


def test_nothing_selects_the_pods_of_a_pool(any_release: Rendered) -> None:
    """A pool may be called like the release: its pods' labels differ in the component only."""
    for selector in selectors(any_release):
        assert selector["app.kubernetes.io/component"] == "operator"


def selectors(rendered: Rendered) -> Iterator[dict[str, str]]:
    for item in rendered.objects:
        spec = item.get("spec", {})
        found: Any = {"Service": spec.get("selector"), "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels")}
        match item["kind"]:
            case "Service" | "NetworkPolicy":
                yield found[item["kind"]]
            case "Deployment" | "PodDisruptionBudget" | "ServiceMonitor":
                yield spec["selector"]["matchLabels"]
