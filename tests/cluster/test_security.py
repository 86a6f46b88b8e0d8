"""What guest code finds around it in its pod, and what it cannot reach."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool, Object
from tyrex_pool.model import names

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
COMPONENTS = (names.COMPONENT_RUNTIME, names.COMPONENT_PROXY)

each_component = pytest.mark.parametrize("component", COMPONENTS)


@pytest.fixture(scope="module")
def plain(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("plain", {"size": 1, "proxy": {"replicas": 1}})


@pytest.fixture(scope="module")
def mighty(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    """Its guests may do all that their pod can."""
    spec = {"size": 1, "proxy": {"replicas": 1}, "permissions": {"default": "AllowAll"}}
    return module_pool("mighty", spec)


def test_the_namespace_admits_restricted_pods_only(plain: InstalledPool) -> None:
    labels = json.loads(plain.kubectl("get", "namespace", plain.namespace, "--output=json"))["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert plain.pods(names.COMPONENT_RUNTIME)


def container(pod: Object) -> Object:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


@each_component
def test_pods_have_a_root_that_cannot_be_written_to(plain: InstalledPool, component: str) -> None:
    (pod,) = plain.pods(component)
    assert container(pod)["securityContext"]["readOnlyRootFilesystem"] is True
    inside = ("exec", pod["metadata"]["name"], f"--container={component}", "--", "sh", "-c")
    said = plain.kubectl(*inside, "id -u; touch /opt/mark 2>&1 || true; touch /tmp/mark && echo written")
    assert said.split()[0] == "65532"
    assert "Read-only file system" in said
    assert "written" in said


def test_a_runtime_has_no_token(plain: InstalledPool) -> None:
    (pod,) = plain.pods(names.COMPONENT_RUNTIME)
    mounted = [mount["mountPath"] for mount in container(pod)["volumeMounts"]]
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert all("serviceaccount" not in path for path in mounted)
    assert all("projected" not in volume for volume in pod["spec"]["volumes"])


def refused(caller: Caller, pool: InstalledPool, code: str) -> str:
    """The problem that `code` ends with."""
    answer = caller.post(pool, names.PATH_EVAL, {"code": code})
    assert answer["status"] == 422, answer
    assert isinstance(answer["body"]["detail"], str)
    return answer["body"]["detail"]


@pytest.mark.parametrize(
    "code",
    [
        "fetch('https://kubernetes.default.svc/api')",
        "Deno.connect({hostname: '10.96.0.1', port: 443})",
        f"Deno.readTextFileSync('{TOKEN}')",
        "Deno.env.toObject()",
        "new Deno.Command('sh').outputSync()",
    ],
)
def test_a_guest_may_not_even_try(module_caller: Caller, plain: InstalledPool, code: str) -> None:
    assert "NotCapable" in refused(module_caller, plain, code)


def test_a_guest_that_may_everything_finds_no_token(module_caller: Caller, mighty: InstalledPool) -> None:
    assert "NotFound" in refused(module_caller, mighty, f"Deno.readTextFileSync('{TOKEN}')")
    assert module_caller.eval(mighty, "Deno.uid()") == 65532


def test_a_guest_that_may_everything_is_nobody_to_the_api_server(module_caller: Caller, mighty: InstalledPool) -> None:
    """It reaches the server, as every pod of the cluster does, and gets nothing of it."""
    code = """(async () => {
        const https = await import("node:https");
        const server = {host: "kubernetes.default.svc", path: "/api/v1/secrets", rejectUnauthorized: false};
        return await new Promise((done, fail) => https.get(server, (a) => done(a.statusCode)).on("error", fail));
    })()"""
    assert module_caller.eval(mighty, code) in (401, 403)


def policies(pool: InstalledPool) -> dict[str, Any]:
    found = json.loads(pool.kubectl("get", "networkpolicies", "--output=json"))["items"]
    return {one["metadata"]["name"]: one["spec"] for one in found}


def test_a_policy_closes_the_network_to_guests_that_may_not_use_it(plain: InstalledPool, mighty: InstalledPool) -> None:
    found = policies(plain)
    closed = found[names.component_name(plain.name, names.COMPONENT_RUNTIME)]
    assert set(closed["policyTypes"]) == {"Ingress", "Egress"}
    assert closed.get("egress", []) == []
    assert "Egress" not in found[names.component_name(mighty.name, names.COMPONENT_RUNTIME)]["policyTypes"]


def test_a_proxy_may_read_its_own_pool_only(cluster: Cluster, plain: InstalledPool, mighty: InstalledPool) -> None:
    account = f"system:serviceaccount:{plain.namespace}:{names.component_name(plain.name, names.COMPONENT_PROXY)}"

    def may(verb: str, resource: str) -> bool:
        return plain.kubectl("auth", "can-i", verb, resource, f"--as={account}", check=False).strip() == "yes"

    pools = f"{names.PLURAL}.{names.GROUP}"
    assert may("watch", f"{pools}/{plain.name}")
    assert not may("get", f"{pools}/{mighty.name}")
    assert not may("update", f"{pools}/{plain.name}")
    assert not may("get", "secrets")
    assert not may("get", "pods")
