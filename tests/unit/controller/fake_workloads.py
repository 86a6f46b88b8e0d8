"""Plays the cluster's own part: the Deployment controller, the scheduler, the kubelets and the garbage collector."""

import copy
from hashlib import sha256
from typing import Any

from tests.unit.controller.fake_api_server import NAMESPACE, FakeApiServer
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model import names
from tyrex_pool.model.kinds import DEPLOYMENT, POD, REPLICA_SET, TYREX_POOL
from tyrex_pool.plan.observation import ProxyReport

_REVISION = "pod-template-hash"
"""A label of pods: the digest of the template they were made from."""


class FakeWorkloads:
    def __init__(self, server: FakeApiServer) -> None:
        self._server = server
        self._made = 0

    def settle(self) -> None:
        """Every Deployment has its pods, all of them new and ready; no other pod of a Deployment is left."""
        self._server.collect_garbage()
        for deployment in self._server.select(DEPLOYMENT, None):
            self.roll_out(deployment)
        self.end_pods()

    def roll_out(self, deployment: Object, ready: int | None = None) -> None:
        """Bring one Deployment's pods to its spec; only the first `ready` of them become ready (None: all)."""
        metadata, spec = deployment["metadata"], deployment["spec"]
        revision = sha256(repr(spec["template"]).encode()).hexdigest()[:8]
        pods = [pod for pod in self._pods(metadata) if not _ends(pod)]
        new = [pod for pod in pods if pod["metadata"]["labels"][_REVISION] == revision]
        for pod in [*new[spec["replicas"] :], *(pod for pod in pods if pod not in new)]:
            self._server.delete(POD, pod["metadata"]["name"], metadata["namespace"])
        for _ in range(len(new), spec["replicas"]):
            self._make(deployment, revision)
        self._report(deployment, spec["replicas"] if ready is None else ready)

    def end_pods(self) -> None:
        """The kubelets have ended every pod that is deleted."""
        for pod in self._server.select(POD, None):
            if pod["metadata"].get("deletionTimestamp"):
                self._server.delete(POD, pod["metadata"]["name"], pod["metadata"]["namespace"], grace=0)

    def _pods(self, deployment: Object) -> list[Object]:
        namespace = deployment["namespace"]
        sets = self._server.select(REPLICA_SET, namespace)
        own = {one["metadata"]["uid"] for one in sets if _owner(one).get("uid") == deployment["uid"]}
        return [pod for pod in self._server.select(POD, namespace) if _owner(pod).get("uid") in own]

    def _replica_set(self, deployment: Object, revision: str) -> Object:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        name = f"{metadata['name']}-{revision}"
        known = self._server.find(REPLICA_SET, name, metadata["namespace"])
        about = {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {**template["metadata"]["labels"], _REVISION: revision},
            "ownerReferences": [_reference(deployment)],
        }
        return known or self._server.create({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": about})

    def _make(self, deployment: Object, revision: str) -> None:
        self._made += 1
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        owner = _reference(self._replica_set(deployment, revision))
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{metadata['name']}-{self._made}",
                "namespace": metadata["namespace"],
                "labels": {**template["metadata"]["labels"], _REVISION: revision},
                "ownerReferences": [owner],
            },
            "spec": copy.deepcopy(template["spec"]),
        }
        self._server.create(pod)

    def _report(self, deployment: Object, ready: int) -> None:
        metadata = deployment["metadata"]
        pods = [pod for pod in self._pods(metadata) if not _ends(pod)]
        for number, pod in enumerate(pods):
            state = "True" if number < ready else "False"
            status = {"podIP": f"10.1.0.{number + 1}", "conditions": [{"type": "Ready", "status": state}]}
            self._server.set_status(POD, pod["metadata"]["name"], status, metadata["namespace"])
        counts = {
            "observedGeneration": metadata["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "readyReplicas": min(ready, len(pods)),
        }
        self._server.set_status(DEPLOYMENT, metadata["name"], counts, metadata["namespace"])


def _reference(item: Object) -> Object:
    """The controller reference to `item`."""
    about = item["metadata"]
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": about["name"],
        "uid": about["uid"],
        "controller": True,
    }


def _owner(item: Object) -> Object:
    """The reference to the object that controls `item`; empty when there is none."""
    owners = item["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), {})


def _ends(pod: Object) -> bool:
    """Whether it is none of its Deployment's pods any more."""
    phase = pod.get("status", {}).get("phase")
    return bool(pod["metadata"].get("deletionTimestamp")) or phase in ("Failed", "Succeeded")


class FakeProxies:
    """Implements ProxyProbe: proxies follow the newest spec and reach every runtime that is ready, unless a test
    sets `fields`; their Service `refuses_connections` when a test says so.
    """

    def __init__(self, server: FakeApiServer) -> None:
        self._server = server
        self.fields: dict[str, Any] = {}
        """Fields that every report has instead of the true ones."""
        self.refuses_connections = False

    async def reports(self, pods: list[Object]) -> list[ProxyReport]:
        return [self._report(pod) for pod in pods if _ready(pod)]

    async def refuses(self, address: str) -> bool:
        return self.refuses_connections

    def _report(self, pod: Object) -> ProxyReport:
        pool = pod["metadata"]["labels"][names.LABEL_POOL]
        runtimes = self._server.select(POD, NAMESPACE, names.selector(pool, names.COMPONENT_RUNTIME))
        fields: dict[str, Any] = {
            "generation": self._server.read(TYREX_POOL, pool)["metadata"]["generation"],
            "strategy_error": None,
            "ready_runtimes": len([pod for pod in runtimes if _ready(pod)]),
            "failures": (),
        }
        return ProxyReport(pod["metadata"]["name"], **{**fields, **self.fields})


def _ready(pod: Object) -> bool:
    return any(condition["status"] == "True" for condition in pod.get("status", {}).get("conditions", ()))
