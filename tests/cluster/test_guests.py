"""Guests that go too far end alone: their pod and its neighbours go on; and what a user gives to their pod."""

import json
from collections.abc import Callable

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool
from tyrex_pool.model import names


@pytest.fixture(scope="module")
def wild(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("wild", {"size": 1, "proxy": {"replicas": 1}, "timeouts": {"eval": "20s"}})


@pytest.mark.parametrize(
    ("code", "error"),
    [
        pytest.param("const a = []; for (;;) a.push(new Array(1e5).fill(1.5))", "heap_limit_error", id="heap"),
        pytest.param("const b = []; for (;;) b.push(new Uint8Array(5e7).fill(1))", "heap_limit_error", id="buffers"),
        pytest.param("Deno.exit(3)", "dead_runtime_error", id="exit"),
    ],
)
def test_a_guest_that_goes_too_far_does_not_restart_its_pod(
    wild: InstalledPool, module_caller: Caller, code: str, error: str
) -> None:
    before = wild.restarts()
    answer = module_caller.post(wild, names.PATH_EVAL, {"code": code})
    assert (answer["body"]["name"], answer["body"]["fault"]) == (error, "guest")
    assert module_caller.eval(wild, "6 * 7") == 42
    assert wild.restarts() == before


def test_guests_use_what_their_pod_is_given(
    pool: Callable[..., InstalledPool], caller: Caller, cluster: Cluster, namespace: str
) -> None:
    """Volumes and variables of `runtime.pod`, a main module in one of them, and no more than the permissions say."""
    data = {"main.ts": "import { n } from './n.ts'; globalThis.n = () => n;", "n.ts": "export const n = 7;"}
    metadata = {"name": "code", "namespace": namespace}
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
    container = {
        "name": names.COMPONENT_RUNTIME,
        "env": [{"name": "COLOR", "value": "red"}],
        "volumeMounts": [{"name": "code", "mountPath": "/app"}],
    }
    volumes = [{"name": "code", "configMap": {"name": "code"}}]
    given = pool(
        "given",
        {
            "size": 1,
            "proxy": {"replicas": 1},
            "mainModule": {"path": "/app/main.ts"},
            "permissions": {"allow": {"env": ["COLOR"], "read": ["/app/n.ts"]}},
            "runtime": {"pod": {"volumes": volumes, "containers": [container]}},
        },
    )
    assert caller.eval(given, "[n(), Deno.env.get('COLOR')]") == [7, "red"]
    assert caller.eval(given, "Deno.readTextFileSync('/app/n.ts')") == data["n.ts"]
    refused = caller.post(given, names.PATH_EVAL, {"code": "Deno.readTextFileSync('/app/main.ts')"})
    assert "NotCapable" in refused["body"]["detail"]
