"""How many operators there are, and which of them leads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.pools import OPERATOR_NAMESPACE, operator_selector

_DEADLINE = 60.0


class Operators:
    """The pods of the Deployment `name`."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    @contextmanager
    def scaled(self, replicas: int) -> Iterator[None]:
        """So many of them, ready or gone, until the end of the block; then one again."""
        try:
            self.scale(replicas)
            yield
        finally:
            self.scale(1)

    def scale(self, replicas: int) -> None:
        """Returns when all are ready, or gone."""
        self.kubectl("scale", f"deployment/{self.name}", f"--replicas={replicas}")
        self.cluster.wait(lambda: self._are(replicas), _DEADLINE, f"{replicas} ready operators")

    def _are(self, replicas: int) -> bool:
        pods = self.pods()
        return len(pods) == replicas and all(ready(pod) for pod in pods)

    def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.kubectl("get", "pods", f"--selector={operator_selector()}", "--output=json")
        )["items"]
        return found

    def names(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.pods()}

    def leader(self) -> str:
        """The name of the pod that the Lease says; empty when nobody holds it."""
        return self.kubectl("get", f"lease/{self.name}", "--output=jsonpath={.spec.holderIdentity}")

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl("--namespace", OPERATOR_NAMESPACE, *words)


def ready(pod: dict[str, Any]) -> bool:
    """And not on its way out."""
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
