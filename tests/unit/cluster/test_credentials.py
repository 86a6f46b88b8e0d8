"""Service accounts and kubeconfigs: which is used, and what a client gets of it."""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from kubernetes.config import incluster_config

from tyrex_pool.cluster import credentials
from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.credentials import Credentials, program_credentials, user_credentials
from tyrex_pool.cluster.errors import ClusterUnavailable

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kubeconfig, no pod and no proxy."""
    for variable in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    account = tmp_path / "account"
    monkeypatch.setattr(credentials, "_SERVICE_ACCOUNT", account)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(account / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(account / "ca.crt"))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a kubeconfig with the contexts `one` (the current one) and `two`, and sets KUBECONFIG."""

    def write(user: dict[str, Any] | None = None, **cluster: Any) -> Path:
        contexts = [
            {"name": "one", "context": {"cluster": "here", "user": "me"}},
            {"name": "two", "context": {"cluster": "here", "user": "other", "namespace": "shop"}},
        ]
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "one",
            "clusters": [{"name": "here", "cluster": {"server": "http://api.example/"} | cluster}],
            "contexts": contexts,
            "users": [{"name": "me", "user": user or {}}, {"name": "other", "user": {"token": "secret"}}],
        }
        file = tmp_path / "config"
        file.write_text(json.dumps(document))
        monkeypatch.setenv("KUBECONFIG", str(file))
        return file

    return write


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a pod's service account."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("projected")
    (account / "namespace").write_text("web\n")
    (account / "ca.crt").write_text(Path(certifi.where()).read_text())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return account


def authorization(given: Credentials) -> str | None:
    """The header of a request, as httpx asks for it."""

    async def ask() -> str | None:
        request = httpx.Request("GET", given.server)
        flow = given.auth.async_auth_flow(request)
        await anext(flow)
        await flow.aclose()
        value: str | None = request.headers.get("Authorization")
        return value

    return asyncio.run(ask())


def test_a_pod_s_service_account(pod: Path, write: Write) -> None:
    write()
    given = program_credentials()
    assert (given.server, given.namespace) == ("https://10.0.0.1:443", "web")
    assert authorization(given) == "bearer projected"
    assert given.tls is not None


def test_a_person_s_kubeconfig_comes_first(pod: Path, write: Write) -> None:
    write()
    assert user_credentials(None).server == "http://api.example"


def test_a_person_in_a_pod_without_a_kubeconfig(pod: Path) -> None:
    assert user_credentials(None).namespace == "web"


def test_a_service_account_without_a_namespace(pod: Path) -> None:
    (pod / "namespace").unlink()
    assert program_credentials().namespace == "default"


@pytest.mark.parametrize(
    ("context", "namespace", "header"),
    [
        pytest.param(None, "default", None, id="the current one, without a user's credentials"),
        pytest.param("two", "shop", "Bearer secret", id="a named one"),
    ],
)
def test_contexts(write: Write, context: str | None, namespace: str, header: str | None) -> None:
    write()
    given = user_credentials(context)
    assert (given.server, given.namespace, given.tls) == ("http://api.example", namespace, None)
    assert authorization(given) == header


def test_a_program_uses_the_current_context(write: Write) -> None:
    write({"username": "me", "password": "word"})
    assert authorization(program_credentials()) == "Basic bWU6d29yZA=="


def test_a_token_in_a_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("kept\n")
    write({"tokenFile": str(tmp_path / "token")})
    assert authorization(program_credentials()) == "Bearer kept"


def test_a_token_of_a_program_is_asked_for_again_when_it_expires(write: Write, tmp_path: Path) -> None:
    runs, program = tmp_path / "runs", tmp_path / "login.py"
    program.write_text(
        "import json, pathlib\n"
        f"runs = pathlib.Path({str(runs)!r})\n"
        "count = len(runs.read_text()) if runs.exists() else 0\n"
        "runs.write_text('x' * (count + 1))\n"
        "status = {'token': f't{count}', 'expirationTimestamp': '2020-01-01T00:00:00Z'}\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',"
        " 'status': status}))\n"
    )
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "interactiveMode": "Never",
    }
    write({"exec": command})
    given = program_credentials()
    first, second = authorization(given), authorization(given)
    assert first is not None
    assert second is not None
    assert first != second


def test_no_kubeconfig_for_a_program() -> None:
    with pytest.raises(
        ClusterUnavailable, match=r"^no cluster to talk to: .*; set KUBECONFIG to a file that names one$"
    ):
        program_credentials()


async def test_a_cluster_for_a_program(write: Write) -> None:
    write()
    async with await Cluster.connect() as cluster:
        assert (cluster.url, cluster.namespace) == ("http://api.example", "default")


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        pytest.param(None, None, "^set KUBECONFIG: there is no kubeconfig at .*; or pass --url$", id="no file"),
        pytest.param("{", None, "^the kubeconfig .* cannot be used: ", id="no YAML"),
        pytest.param("[]", None, "^the kubeconfig .* cannot be used: ", id="a list"),
        pytest.param("a: 1", None, "^the kubeconfig .* cannot be used: ", id="something else"),
        pytest.param(..., "three", "Expected object with name three in ", id="no such context"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(write: Write, text: Any, context: str | None, message: str) -> None:
    file = write()
    if text is None:
        file.unlink()
    elif isinstance(text, str):
        file.write_text(text)
    with pytest.raises(ClusterUnavailable, match=message):
        user_credentials(context)


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param({"server": "https://api:port"}, id="no URL"),
        pytest.param({"server": "https://api", "certificate-authority": "/no/such/file"}, id="no certificate"),
        pytest.param({"server": "https://api", "certificate-authority-data": "bm9uZQ=="}, id="a broken certificate"),
    ],
)
def test_a_cluster_that_cannot_be_used(write: Write, cluster: dict[str, Any]) -> None:
    write(**cluster)
    with pytest.raises(ClusterUnavailable, match="cannot be used"):
        user_credentials(None)


def test_tls_as_the_kubeconfig_wants_it(write: Write) -> None:
    write(server="https://api.example", **{"tls-server-name": "kubernetes", "insecure-skip-tls-verify": True})
    given = user_credentials(None)
    assert given.tls_server_name == "kubernetes"
    assert given.tls is not None
    assert (given.tls.verify_mode, given.tls.check_hostname) == (ssl.CERT_NONE, False)
    write(server="https://api.example")
    verified = user_credentials(None).tls
    assert verified is not None
    assert (verified.verify_mode, verified.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not verified.verify_flags & ssl.VERIFY_X509_STRICT


@pytest.mark.parametrize(
    ("cluster", "environment", "expected"),
    [
        pytest.param({}, {}, None, id="none"),
        pytest.param({}, {"http_proxy": "http://p:1", "https_proxy": "http://s:2"}, "http://p:1", id="by scheme"),
        pytest.param({"server": "https://a"}, {"https_proxy": "s:2"}, "http://s:2", id="without a scheme of its own"),
        pytest.param({}, {"http_proxy": "http://p:1", "no_proxy": "other,.example"}, None, id="bypassed"),
        pytest.param({"proxy-url": "http://k:3"}, {"http_proxy": "http://p:1"}, "http://k:3", id="the kubeconfig's"),
    ],
)  # fmt: skip
def test_proxies(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    cluster: dict[str, str],
    environment: dict[str, str],
    expected: str | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    write(**cluster)
    assert user_credentials(None).proxy == expected
