"""The way to the API server: TLS as a kubeconfig describes it, and proxies."""

import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.cluster.http_server import ApiServer, document
from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.credentials import Credentials, user_credentials
from tyrex_pool.cluster.errors import ClusterUnavailable
from tyrex_pool.model.kinds import CONFIG_MAP

OBJECT = {"metadata": {"name": "m"}}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with self-signed certificates: of a server at 127.0.0.1, of one with a name only, of a client."""
    folder = tmp_path_factory.mktemp("certificates")
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    names = {"address": "IP:127.0.0.1", "name": "DNS:kubernetes", "client": "DNS:someone"}
    for name, alternative in names.items():
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}"]
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
        subprocess.run([*command, *files], check=True, capture_output=True)
    return folder


def server_context(certificates: Path, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    return context


def kubeconfig(file: Path, server: str, cluster: dict[str, Any], user: dict[str, str]) -> None:
    context = {"name": "one", "context": {"cluster": "here", "user": "me"}}
    document = {
        "current-context": "one",
        "clusters": [{"name": "here", "cluster": {"server": server} | cluster}],
        "contexts": [context],
        "users": [{"name": "me", "user": user}],
    }
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("certificate", "cluster", "problem"),
    [
        pytest.param("address", {"certificate-authority": "address.crt"}, None, id="a trusted authority"),
        pytest.param("address", {}, "certificate verify failed", id="no authority"),
        pytest.param("address", {"certificate-authority": "name.crt"}, "verify failed", id="another authority"),
        pytest.param("address", {"insecure-skip-tls-verify": True}, None, id="not verified"),
        pytest.param("name", {"certificate-authority": "name.crt"}, "IP address mismatch", id="another name"),
        pytest.param(
            "name", {"certificate-authority": "name.crt", "tls-server-name": "kubernetes"}, None, id="a name of its own"
        ),
    ],
)
async def test_the_server_s_certificate(
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificate: str,
    cluster: dict[str, Any],
    problem: str | None,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(certificates / "config"))
    async with ApiServer([document(OBJECT)], tls=server_context(certificates, certificate)) as api:
        kubeconfig(certificates / "config", api.url, cluster, {})
        async with Cluster(user_credentials(None)) as client:
            if problem is None:
                assert await client.get(CONFIG_MAP, "web", "m") == OBJECT
            else:
                with pytest.raises(ClusterUnavailable, match=problem) as caught:
                    await client.get(CONFIG_MAP, "web", "m")
                assert not caught.value.connected


@pytest.mark.parametrize("known", [True, False])
async def test_the_client_s_certificate(certificates: Path, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    monkeypatch.setenv("KUBECONFIG", str(certificates / "config"))
    context = server_context(certificates, "address")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates / "client.crt")
    user = {"client-certificate": "client.crt", "client-key": "client.key"} if known else {}
    async with ApiServer([document(OBJECT)], tls=context) as api:
        kubeconfig(certificates / "config", api.url, {"certificate-authority": "address.crt"}, user)
        async with Cluster(user_credentials(None)) as client:
            if known:
                assert await client.get(CONFIG_MAP, "web", "m") == OBJECT
            else:
                with pytest.raises(ClusterUnavailable):
                    await client.get(CONFIG_MAP, "web", "m")


async def test_requests_go_through_the_proxy() -> None:
    async with ApiServer([document(OBJECT)]) as proxy:
        credentials = Credentials("http://api.invalid", "web", httpx.Auth(), proxy=proxy.url)
        async with Cluster(credentials) as client:
            assert await client.get(CONFIG_MAP, "web", "m") == OBJECT
        assert proxy.seen[0].headers["host"] == "api.invalid"


async def test_no_proxy_of_the_environment_is_used_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Credentials.proxy` says which one is: else NO_PROXY would be read by other rules than ours."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with ApiServer([document(OBJECT)]) as api, Cluster(Credentials(api.url, "web", httpx.Auth())) as client:
        assert await client.get(CONFIG_MAP, "web", "m") == OBJECT
