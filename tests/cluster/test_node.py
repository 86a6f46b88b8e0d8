"""The cluster itself: what every other test takes for granted."""

import json

from tests.cluster.cluster import Cluster, Images
from tests.cluster.pods import restricted_pod

PORT = 8080
SERVE = f"import http.server as s; s.test(s.SimpleHTTPRequestHandler, port={PORT})"
ASK = """
import sys, time, urllib.request
end = time.monotonic() + 30
while True:
    try:
        sys.exit(urllib.request.urlopen(sys.argv[1], timeout=5).status != 200)
    except OSError as error:
        if time.monotonic() > end:
            sys.exit(f"{sys.argv[1]}: {error}")
    time.sleep(0.1)
"""
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]},
}


def test_every_node_is_ready(cluster: Cluster) -> None:
    nodes = cluster.kubectl_json("get", "nodes")["items"]
    ready = [c["status"] for node in nodes for c in node["status"]["conditions"] if c["type"] == "Ready"]
    assert ready
    assert set(ready) == {"True"}


def test_a_pod_reaches_a_service_by_its_name(cluster: Cluster, images: Images, namespace: str) -> None:
    web = restricted_pod("web", namespace, images.runtime, ["python3", "-c", SERVE], labels={"app": "web"})
    cluster.apply(json.dumps(web))
    cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", input=json.dumps(SERVICE))
    cluster.output_of(namespace, images.runtime, ["python3", "-c", ASK, f"http://web.{namespace}.svc/"])


def test_a_pod_that_may_do_too_much_is_refused(cluster: Cluster, images: Images, namespace: str) -> None:
    pod = restricted_pod("root", namespace, images.runtime, ["true"])
    pod["spec"]["securityContext"] = {"runAsUser": 0}
    assert "violates PodSecurity" in cluster.kubectl("apply", "--filename=-", input=json.dumps(pod), check=False)


def test_writes_are_in_the_audit_log_and_reads_are_not(cluster: Cluster, namespace: str) -> None:
    if cluster.audit_log is None:
        return  # only our own node has one
    cluster.kubectl("create", "configmap", "written", f"--namespace={namespace}")
    cluster.kubectl("get", "configmap", "written", f"--namespace={namespace}")
    events = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    ours = [event for event in events if event["objectRef"].get("namespace") == namespace]
    assert [event["verb"] for event in ours if event["objectRef"].get("name") == "written"] == ["create"]
