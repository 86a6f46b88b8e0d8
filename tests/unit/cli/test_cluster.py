"""`eval` and `status` through an API server, which here answers what a test says."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_status import RENDER
from tests.unit.scripted_pool import Reply, ScriptedPool
from tyrex_pool.cli.main import main
from tyrex_pool.model.errors import ExecutionError, NoRuntime
from tyrex_pool.model.wire import problem

POOLS = "/apis/tyrex.dev/v1alpha1/namespaces/{}/tyrexpools"
PROXY = "/api/v1/namespaces/{}/services/render:80/proxy"
THREE = Reply(200, b'{"result":3}', {"Tyrex-Runtime": "render-1", "Tyrex-Epoch": "7"})


def refusal(status: int, message: str) -> Reply:
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def resource(name: str = "render", namespace: str = "web", ready: str = "True", **condition: str) -> dict[str, Any]:
    told = {"type": "Ready", "status": ready, "reason": "Ready", "message": "2 runtimes"} | condition
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": 2, "strategy": {"type": "Hash"}},
        "status": {"readyRuntimes": 1, "conditions": [told]},
    }


def parked() -> dict[str, Any]:
    """A TyrexPool of size 0 that has no proxies either."""
    pool = resource(reason="Parked")
    about = {"type": "Available", "status": "False", "reason": "Parked", "message": "its size is 0"}
    pool["status"]["conditions"].append(about)
    return pool


def reply(document: Any) -> Reply:
    return Reply(200, json.dumps(document).encode())


def pools(*items: Any) -> Reply:
    return reply({"kind": "TyrexPoolList", "items": list(items)})


SERVICE_MISSING = refusal(404, 'services "render" not found')
NO_ENDPOINTS = refusal(503, 'no endpoints available for service "render"')
MISSING = refusal(404, 'tyrexpools.tyrex.dev "render" not found')
FAILING = {"reason": "MainModuleFailed", "message": "runtime render-1:\n boom"}


@pytest.fixture
def config(pool: ScriptedPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig with two contexts for the API server that `pool` is here; the second has a namespace and a token."""
    contexts = [
        {"name": "one", "context": {"cluster": "here", "user": "nobody"}},
        {"name": "two", "context": {"cluster": "here", "user": "somebody", "namespace": "shop"}},
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "here", "cluster": {"server": pool.url}}],
        "contexts": contexts,
        "users": [{"name": "nobody", "user": {}}, {"name": "somebody", "user": {"token": "secret"}}],
    }
    file = tmp_path / "config"
    file.write_text(json.dumps(document))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


@pytest.mark.parametrize(
    ("words", "namespace", "token"),
    [
        pytest.param([], "default", None, id="no namespace anywhere"),
        pytest.param(["-n", "web"], "web", None, id="an option's"),
        pytest.param(["--context", "two"], "shop", "Bearer secret", id="the context's"),
        pytest.param(["--context=two", "--namespace=web"], "web", "Bearer secret", id="both"),
    ],
)
def test_an_eval_goes_through_the_service_proxy(
    pool: ScriptedPool,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    namespace: str,
    token: str | None,
) -> None:
    pool.script = [THREE]
    assert main(["eval", "render", *words, "1 + 2", "--key", "k"]) == 0
    assert capsys.readouterr().out == "3\n"
    (seen,) = pool.seen
    assert (seen.method, seen.path) == ("POST", PROXY.format(namespace) + "/v1/eval")
    assert (seen.body, seen.authorization) == ({"code": "1 + 2", "key": "k"}, token)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(ExecutionError("Error: boom"), "execution_error: Error: boom", id="of the guest"),
        pytest.param(NoRuntime("the pool is parked"), "no_runtime: the pool is parked", id="of the pool"),
    ],
)
def test_an_eval_that_fails_is_no_trouble_of_the_cluster(
    pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str], error: Any, said: str
) -> None:
    pool.script = [Reply(error.status, problem(error), {"Content-Type": "application/problem+json"})]
    assert main(["eval", "render", "x"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {said}\n")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            [refusal(401, "Unauthorized")],
            "log in again: the API server does not accept the credentials of this kubeconfig: Unauthorized",
            id="401",
        ),
        pytest.param(
            [refusal(403, 'services "render:80" is forbidden: User "x" cannot create resource "services/proxy"')],
            'ask for the right to do this: services "render:80" is forbidden: User "x" cannot create resource '
            '"services/proxy". The chart\'s cluster role <release>-caller has it: '
            "kubectl create rolebinding callers -n NAMESPACE --clusterrole=<release>-caller --user=USER",
            id="403",
        ),
        pytest.param(
            [refusal(403, 'User "system:anonymous" cannot create resource "services/proxy"')],
            "log in again: the API server does not accept the credentials of this kubeconfig: "
            'User "system:anonymous" cannot create resource "services/proxy"',
            id="403 for nobody",
        ),
        pytest.param(
            [SERVICE_MISSING, MISSING, pools(resource("shop"), resource("app"))],
            "there is no TyrexPool render in namespace web; there is app, shop",
            id="no such pool",
        ),
        pytest.param(
            [SERVICE_MISSING, MISSING, pools()],
            "there is no TyrexPool render in namespace web; there is none",
            id="no pool at all",
        ),
        pytest.param(
            [SERVICE_MISSING, Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})],
            "install the operator: the cluster at URL knows no TyrexPool",
            id="no operator",
        ),
        pytest.param(
            [NO_ENDPOINTS, reply(resource(ready="False", **FAILING))],
            "pool render does not answer (MainModuleFailed: runtime render-1:\n boom); "
            "`tyrex-pool status render -n web` tells more",
            id="no proxy, and why",
        ),
        pytest.param(
            [NO_ENDPOINTS, reply(parked())],
            "pool render does not answer (Parked: its size is 0); `tyrex-pool status render -n web` tells more",
            id="parked, which is Ready",
        ),
        pytest.param(
            [NO_ENDPOINTS, reply({"metadata": {"name": "render", "namespace": "web"}})],
            'pool render does not answer (no endpoints available for service "render"); '
            "`tyrex-pool status render -n web` tells more",
            id="no proxy, and nobody knows why",
        ),
        pytest.param([refusal(500, "etcd")], "the API server answers with status 500: etcd", id="trouble of its own"),
    ],
)  # fmt: skip
def test_what_is_wrong_on_the_way_to_the_pool(
    pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str], script: list[Reply], said: str
) -> None:
    pool.script = list(script)
    assert main(["eval", "render", "-n", "web", "x"]) == 2
    assert capsys.readouterr() == ("", f"error: {said}\n".replace("URL", pool.url))
    assert pool.script == []


def test_the_api_server_is_down(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(config.read_text())
    document["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    config.write_text(json.dumps(document))
    assert main(["eval", "render", "x"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: see if the cluster is up and the context is the right one: the API server ")
    assert "http://127.0.0.1:9" in said


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        pytest.param(None, [], "set KUBECONFIG: there is no kubeconfig at ", id="no file"),
        pytest.param("{", [], "the kubeconfig ", id="broken"),
        pytest.param("", [], "the kubeconfig ", id="empty"),
        pytest.param("[]", [], "the kubeconfig ", id="a list"),
        pytest.param(..., ["--context", "three"], "Expected object with name three in ", id="no such context"),
    ],
)
def test_no_kubeconfig(
    config: Path, capsys: pytest.CaptureFixture[str], text: Any, words: list[str], said: str
) -> None:
    if text is None:
        config.unlink()
    elif isinstance(text, str):
        config.write_text(text)
    assert main(["eval", "render", "x", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["../secrets", "x"], ["render", "x", "-n", "a/b"], ["../secrets", "--batch", "-"]])
def test_what_is_no_name_never_becomes_a_path(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    try:
        code: object = main(["eval", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert "write a name of a-z, 0-9 and -" in capsys.readouterr().err


def test_without_a_pool(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "1 + 2"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: name a pool of the cluster, as in `eval POOL CODE`, or pass --url"
    )


ALL = pools(
    resource("shop", ready="False", **FAILING),
    resource("app"),
    {"metadata": {"name": "new", "namespace": "web"}, "spec": {"size": 1, "strategy": {"type": "Random"}}},
)


def test_the_pools_of_a_namespace(pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [ALL]
    assert main(["status", "-n", "web"]) == 0
    assert capsys.readouterr().out == (
        "NAME  READY    SIZE  RUNTIMES  STRATEGY  REASON                   MESSAGE\n"
        "app   True     2     1         Hash      Ready                    -\n"
        "new   Unknown  1     0         Random    no operator has seen it  -\n"
        "shop  False    2     1         Hash      MainModuleFailed         runtime render-1: boom\n"
    )
    assert pool.seen[0].path == POOLS.format("web")


def test_the_pools_of_all_namespaces(pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [pools(resource("a", namespace="z"), resource("b", namespace="a"))]
    assert main(["status", "-A"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["NAMESPACE", "NAME"], ["a", "b"], ["z", "a"],
    ]  # fmt: skip
    assert pool.seen[0].path == "/apis/tyrex.dev/v1alpha1/tyrexpools"


def test_no_pools(pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [pools(), pools()]
    assert main(["status"]) == 0
    assert capsys.readouterr() == ("", "There is no TyrexPool in namespace default.\n")
    assert main(["status", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_one_pool(pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [reply(resource(ready="False", **FAILING)), reply(RENDER)]
    assert main(["status", "render", "-n", "web"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "CONDITION  STATUS  REASON            MESSAGE\n"
        "Ready      False   MainModuleFailed  runtime render-1: boom\n"
        "\n"
        "pool:        render\n"
    )
    assert [seen.path for seen in pool.seen] == [
        POOLS.format("web") + "/render",
        PROXY.format("web") + "/v1/pool",
    ]


def test_one_pool_that_does_not_answer(pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = resource(ready="False", **FAILING)
    script = [reply(document), NO_ENDPOINTS, reply(document)]
    pool.script = [*script, *script]
    assert main(["status", "render"]) == 0
    assert capsys.readouterr().out.splitlines()[3].startswith("proxies:     pool render does not answer (Main")
    assert main(["status", "render", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["resource"], told["proxy"]) == (document, None)
    assert told["problem"].startswith("pool render does not answer")


def test_one_pool_that_is_not_there(pool: ScriptedPool, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool.script = [MISSING, pools(resource("app"))]
    assert main(["status", "render"]) == 2
    assert capsys.readouterr().err == "error: there is no TyrexPool render in namespace default; there is app\n"


def test_all_namespaces_or_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "-A", "-n", "web"]) == 2
    assert "leave out -A" in capsys.readouterr().err


def test_without_the_operator_s_packages(python: Callable[[str], str]) -> None:
    program = (
        "import sys; sys.modules['kubernetes'] = None; sys.stderr = sys.stdout\n"
        "from tyrex_pool.cli.main import main\n"
        "for words in (['eval', 'render', 'x'], ['proxy', '--pool', 'a', '--namespace', 'b']): print(main(words))"
    )
    said = "error: a cluster needs more packages: pip install 'tyrex-pool[operator]' ("
    lines = python(program).splitlines()
    assert [line.startswith(said) for line in lines[::2]] == [True, True]
    assert lines[1::2] == ["2", "2"]


def test_as_a_plugin_of_kubectl(tmp_path: Path) -> None:
    plugin = tmp_path / "kubectl-tyrex"
    plugin.write_text(f"import sys; sys.path[:] = {sys.path!r}\nfrom tyrex_pool.cli.main import main; sys.exit(main())")
    shown = subprocess.run(
        [sys.executable, plugin, "eval", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.startswith("usage: kubectl tyrex eval ")
