"""`tyrex-pool eval` and `status` from outside the pods, through the API server; and the same as `kubectl tyrex`."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool
from tyrex_pool.model import names

Command = Callable[..., "subprocess.CompletedProcess[str]"]
THROW = "throw Object.assign(new Error('out of tea'), {code: 7})"


@pytest.fixture(scope="module")
def shop(module_pool: Callable[..., InstalledPool]) -> InstalledPool:
    return module_pool("shop", {"size": 2, "strategy": {"type": "Hash"}, "proxy": {"replicas": 1}})


@pytest.fixture(scope="module")
def command(cluster: Cluster, root: Path) -> Command:
    """Runs a program as a person would who has this cluster's kubeconfig."""

    def run(*words: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            cluster.command(words), env=cluster.environment | dict(environment or {}), cwd=root / "operator",
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def tyrex(command: Command) -> Command:
    def run(*words: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return command(sys.executable, "-m", "tyrex_pool", *words, environment=environment)

    return run


def test_eval_prints_the_result(tyrex: Command, shop: InstalledPool) -> None:
    done = tyrex("eval", shop.name, "6 * 7", "-n", shop.namespace)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_eval_sends_inputs_and_keeps_to_its_session(tyrex: Command, shop: InstalledPool) -> None:
    words = ("eval", shop.name, "-n", shop.namespace, "--key", "ada", "--json")
    first = json.loads(tyrex(*words, "globalThis.n = await Promise.resolve(inputs.n)", "--input", "n=41").stdout)
    second = tyrex(*words, "n + 1", "--if-epoch", first["epoch"])
    assert json.loads(second.stdout) == first | {"result": 42}
    lost = tyrex(*words, "n + 1", "--if-epoch", "7")
    assert (lost.returncode, json.loads(lost.stdout)["name"]) == (1, "epoch_changed")


def test_eval_says_who_answered(tyrex: Command, shop: InstalledPool) -> None:
    words = ("eval", shop.name, "[1, 2]", "--key", "ada", "--json", "-n", shop.namespace)
    first, second = (json.loads(tyrex(*words).stdout) for _ in range(2))
    assert first == second
    assert first["result"] == [1, 2]
    assert first["runtime"] in shop.pod_names(names.COMPONENT_RUNTIME)


def test_eval_tells_how_the_code_failed(tyrex: Command, shop: InstalledPool) -> None:
    done = tyrex("eval", shop.name, THROW, "-n", shop.namespace)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: execution_error: Error: out of tea\n  fault: the evaluated code\n")
    assert 'value: {"code":7}' in done.stderr


def test_eval_keeps_its_own_deadline(tyrex: Command, shop: InstalledPool) -> None:
    done = tyrex("eval", shop.name, "for (;;) {}", "--timeout", "300ms", "-n", shop.namespace)
    assert done.returncode == 1
    assert done.stderr.startswith("error: timeout: the deadline passed while it ran")


@pytest.mark.parametrize("words", [("eval", "lost", "1"), ("status", "lost")])
def test_a_pool_that_is_not_there(tyrex: Command, shop: InstalledPool, words: tuple[str, ...]) -> None:
    done = tyrex(*words, "-n", shop.namespace)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no TyrexPool lost in namespace {shop.namespace}; there is shop" in done.stderr


def test_a_batch_goes_through_the_api_server(tyrex: Command, shop: InstalledPool, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    lines = [json.dumps({"code": f"{number}", "key": f"user-{number}"}) for number in range(3000)]
    file.write_text("\n".join([*lines, '{"code": "throw 1"}']))
    done = tyrex("eval", shop.name, "--batch", str(file), "-n", shop.namespace)
    answers = {answer["index"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert [answers[number].get("result") for number in range(3001)] == [*range(3000), None]
    assert [answer for answer in answers.values() if "runtime" not in answer] == []
    assert {answer["runtime"] for answer in answers.values()} == set(shop.pod_names(names.COMPONENT_RUNTIME))


def test_status_of_one_pool(tyrex: Command, shop: InstalledPool) -> None:
    done = tyrex("status", shop.name, "-n", shop.namespace)
    assert (done.returncode, done.stderr) == (0, "")
    assert "yes, 2 of 2 runtimes" in done.stdout
    assert "Hash" in done.stdout
    assert shop.pod_names(names.COMPONENT_RUNTIME) <= set(done.stdout.split())


@pytest.mark.parametrize("everywhere", [False, True])
def test_status_of_all_pools(tyrex: Command, shop: InstalledPool, everywhere: bool) -> None:
    done = tyrex("status", *(["-A"] if everywhere else ["-n", shop.namespace]))
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head[0] == ("NAMESPACE" if everywhere else "NAME")
    found = [dict(zip(head, row, strict=False)) for row in rows]
    (mine,) = (row for row in found if row["NAME"] == shop.name and row.get("NAMESPACE", "") in ("", shop.namespace))
    assert (mine["READY"], mine["SIZE"], mine["STRATEGY"]) == ("True", "2", "Hash")


def test_status_tells_why_a_pool_is_not_ready(
    tyrex: Command, shop: InstalledPool, module_pool: Callable[..., InstalledPool]
) -> None:
    parked = module_pool("parked", {"size": 0, "proxy": {"replicas": 0}}, ready=False)
    parked.wait_condition("Ready", "True", "Parked")
    done = tyrex("status", parked.name, "-n", parked.namespace)
    assert done.returncode == 0
    assert "Parked" in done.stdout
    refused = tyrex("eval", parked.name, "1", "-n", parked.namespace)
    assert refused.returncode != 0
    assert "Parked" in refused.stderr


def test_as_a_plugin_of_kubectl(command: Command, shop: InstalledPool, root: Path, tmp_path: Path) -> None:
    """As `pip install` makes it from the project's entry point."""
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    module, function = scripts["kubectl-tyrex"].split(":")
    plugin = tmp_path / "kubectl-tyrex"
    plugin.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    plugin.chmod(0o755)
    path = f"{tmp_path}:{shop.cluster.environment['PATH']}"
    environment = {"PATH": path, "PYTHONPATH": str(root / "operator")}
    done = command("kubectl", "tyrex", "eval", shop.name, "6 * 7", "-n", shop.namespace, environment=environment)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    lost = command("kubectl", "tyrex", "eval", "lost", "1", "-n", shop.namespace, environment=environment)
    assert lost.returncode == 2


@pytest.fixture
def kubeconfig_of(shop: InstalledPool, tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """An environment in which one is a service account with a ClusterRole of the chart, in the pool's namespace."""

    def make(role: str) -> dict[str, str]:
        shop.kubectl("create", "serviceaccount", role)
        bound = (f"--clusterrole={role}", f"--serviceaccount={shop.namespace}:{role}")
        shop.kubectl("create", "rolebinding", role, *bound)
        token = shop.kubectl("create", "token", role).strip()
        config: dict[str, Any] = json.loads(shop.kubectl("config", "view", "--raw", "--flatten", "--output=json"))
        config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
        file = tmp_path / "config"
        file.write_text(json.dumps(config))
        return {"KUBECONFIG": str(file)}

    return make


def test_the_caller_role_is_enough(
    tyrex: Command, shop: InstalledPool, kubeconfig_of: Callable[[str], dict[str, str]]
) -> None:
    environment = kubeconfig_of("tyrex-tyrex-pool-caller")
    done = tyrex("eval", shop.name, "6 * 7", "-n", shop.namespace, environment=environment)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    assert tyrex("status", shop.name, "-n", shop.namespace, environment=environment).returncode == 0
    elsewhere = tyrex("eval", "any", "1", "-n", "default", environment=environment)
    assert elsewhere.returncode == 2
    assert "ask for the right to do this" in elsewhere.stderr


def test_a_viewer_sees_and_does_not_evaluate(
    tyrex: Command, shop: InstalledPool, kubeconfig_of: Callable[[str], dict[str, str]]
) -> None:
    environment = kubeconfig_of("view")
    assert "shop" in tyrex("status", "-n", shop.namespace, environment=environment).stdout
    done = tyrex("eval", shop.name, "1", "-n", shop.namespace, environment=environment)
    assert done.returncode == 2
    assert "ask for the right to do this" in done.stderr
