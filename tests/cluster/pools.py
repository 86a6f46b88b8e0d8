"""TyrexPools that were applied to the cluster, as tests see them; and why one does not get Ready, as text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.node.progress import Failed
from tyrex_pool.model import names

Object = dict[str, Any]
RESOURCE = f"{names.PLURAL}.{names.GROUP}"
OPERATOR_NAMESPACE = "tyrex-system"


@dataclass(frozen=True, slots=True)
class InstalledPool:
    """One TyrexPool. Everything here asks the API server anew."""

    cluster: Cluster
    namespace: str
    name: str

    @property
    def url(self) -> str:
        """What callers in the cluster use: a DNS name."""
        return f"http://{names.service_host(self.name, self.namespace)}"

    def kubectl(self, *words: str, input: str | None = None, check: bool = True) -> str:
        """One command in the pool's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words, input=input, check=check)

    def apply(self, spec: Mapping[str, Any]) -> None:
        """Create it, or make its spec this one."""
        self.cluster.apply(manifest(self.name, spec, self.namespace))

    def read(self) -> Object:
        """The TyrexPool itself."""
        found: Object = json.loads(self.kubectl("get", RESOURCE, self.name, "--output=json"))
        return found

    def status(self) -> Object:
        status: Object = self.read().get("status", {})
        return status

    def condition(self, kind: str = "Ready") -> Object:
        """One of the status' conditions; empty when it is not there."""
        return condition(self.read(), kind)

    def pods(self, component: str | None = None) -> list[Object]:
        """Those of `runtime` or `proxy`, or all; without those that are going."""
        chosen = names.selector(self.name, component)
        found: list[Object] = json.loads(self.kubectl("get", "pods", "--selector", chosen, "--output=json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod_names(self, component: str | None = None) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.pods(component)}

    def restarts(self) -> dict[str, int]:
        """Of each pod, how often its containers were restarted: what must stay as it is when nothing restarts."""
        return {
            pod["metadata"]["name"]: sum(one["restartCount"] for one in pod["status"]["containerStatuses"])
            for pod in self.pods()
        }

    def proxy_urls(self) -> list[str]:
        """Of each proxy alone, by its address."""
        return [f"http://{pod['status']['podIP']}:{names.SERVE_PORT}" for pod in self.pods(names.COMPONENT_PROXY)]

    def patch(self, spec: Mapping[str, Any]) -> int:
        """Merge `spec` into the pool's; returns the generation that it has now."""
        body = json.dumps({"spec": spec})
        patched = self.kubectl("patch", RESOURCE, self.name, "--type=merge", "--patch", body, "--output=json")
        generation: int = json.loads(patched)["metadata"]["generation"]
        return generation

    def wait_condition(self, kind: str, status: str, reason: str | None = None, deadline: float = 30) -> Object:
        """Until the condition says so about the present spec; returns it."""

        def said() -> Object:
            pool = self.read()
            found = condition(pool, kind)
            current = found.get("observedGeneration") == pool["metadata"]["generation"]
            return found if current and found["status"] == status and reason in (None, found["reason"]) else {}

        what = f"{kind}={status} {reason or ''} of {self.namespace}/{self.name}"
        try:
            return self.cluster.wait(said, deadline, what)
        except Failed as error:
            raise AssertionError(f"{error}\n{self.describe()}") from error

    def wait_ready(self, deadline: float = 90) -> None:
        """Until it is Ready as its present spec says."""
        self.wait_condition("Ready", "True", deadline=deadline)

    def delete(self, *, wait: bool = True) -> None:
        """Idempotent."""
        self.kubectl("delete", RESOURCE, self.name, "--ignore-not-found", f"--wait={str(wait).lower()}")

    def describe(self) -> str:
        """What a person would look at who wants to know why it is not Ready."""
        logs = ("logs", "--tail=15", "--prefix", "--all-containers")
        looks: Sequence[tuple[str, ...]] = (
            ("get", RESOURCE, self.name, "--output=jsonpath={range .status.conditions[*]}{@}{'\\n'}{end}"),
            ("get", "deployments,pods", "--output=wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            (*logs, "--selector", names.selector(self.name, names.COMPONENT_RUNTIME)),
            (*logs, "--selector", names.selector(self.name, names.COMPONENT_PROXY)),
            (*logs, f"--namespace={OPERATOR_NAMESPACE}", "--selector", operator_selector()),
        )
        return "\n".join(f"$ kubectl {' '.join(look)}\n{self.kubectl(*look, check=False)}" for look in looks)


def condition(pool: Mapping[str, Any], kind: str) -> Object:
    """One of its status' conditions; empty when it is not there."""
    found: list[Object] = pool.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), {})


def operator_selector() -> str:
    """The pods of the operator."""
    return f"{names.LABEL_NAME}={names.APPLICATION},{names.LABEL_COMPONENT}={names.COMPONENT_OPERATOR}"


def manifest(name: str, spec: Mapping[str, Any], namespace: str | None = None) -> str:
    """A TyrexPool as text for `kubectl apply`."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return json.dumps({"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": dict(spec)})
