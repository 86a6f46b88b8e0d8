"""Where the API server is and how a client authenticates, read from a service account or a kubeconfig.

The kubernetes package reads both, and refreshes tokens. Its blocking `kubernetes.config` is used rather than
`kubernetes.aio.config`: only the former runs exec plugins again when their tokens expire, keeps refreshed OIDC tokens
and reads the proxy from the environment. It also takes some 10 MiB less memory, since it does without aiohttp.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import yaml
from kubernetes import config
from kubernetes.client import Configuration

from tyrex_pool.cluster.errors import ClusterUnavailable, root_cause
from tyrex_pool.cluster.no_proxy import bypasses_proxy
from tyrex_pool.model.manifest import DEFAULT_NAMESPACE

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_UNUSABLE: Final = (
    config.ConfigException,
    yaml.YAMLError,
    httpx.InvalidURL,
    OSError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
)
"""What the kubernetes package and `ssl` raise for files that are missing, broken or not what they should be."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """`server` is a URL without a slash at its end; `tls` is None where that is plain HTTP.

    `namespace` is the one of the kubeconfig's context or of the service account. `tls_server_name` replaces the
    server's host in the TLS handshake. `proxy` is the URL of the proxy to use, if any.
    """

    server: str
    namespace: str
    auth: httpx.Auth
    tls: ssl.SSLContext | None = None
    tls_server_name: str | None = None
    proxy: str | None = None


class TokenAuth(httpx.Auth):
    """Sends the current token of `settings` with each request, refreshed when it is about to expire.

    Raises ClusterUnavailable when the token cannot be refreshed.
    """

    def __init__(self, settings: Configuration) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        try:
            async with self._lock:  # a refresh may read a file or run a program: one at a time, not in the event loop
                value = await asyncio.to_thread(_authorization, self._settings)
        except _UNUSABLE as error:
            raise ClusterUnavailable(f"the token cannot be refreshed: {root_cause(error)}") from error
        if value:
            request.headers["Authorization"] = value
        yield request


def program_credentials() -> Credentials:
    """Those of an operator or a proxy: of the pod's service account, else of the kubeconfig.

    Raises ClusterUnavailable. Blocks: a kubeconfig may name a program to run.
    """
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and (_SERVICE_ACCOUNT / "token").exists()
    try:
        return _of_service_account() if in_pod else _of_kubeconfig(_kubeconfig(), None)
    except _UNUSABLE as error:
        raise ClusterUnavailable(f"no cluster to talk to: {error}; set KUBECONFIG to a file that names one") from error


def user_credentials(context: str | None) -> Credentials:
    """Those of a person: of a context of the kubeconfig (None: the current one), else of a pod's service account.

    Raises ClusterUnavailable, whose message says what the person should change. Blocks, as above.
    """
    file = _kubeconfig()
    exists = any(Path(path).expanduser().exists() for path in file.split(os.pathsep) if path)
    try:
        return _of_kubeconfig(file, context) if exists else _of_service_account()
    except _UNUSABLE as error:
        problem = f"set KUBECONFIG: there is no kubeconfig at {file}; or pass --url"
        if exists:
            problem = f"the kubeconfig {file} cannot be used: {error}"
        raise ClusterUnavailable(problem) from error


def _kubeconfig() -> str:
    """Paths of kubeconfigs, separated as those in PATH are."""
    return os.environ.get("KUBECONFIG") or str(config.KUBE_CONFIG_DEFAULT_LOCATION)


def _of_kubeconfig(file: str, context: str | None) -> Credentials:
    settings = Configuration()
    config.load_kube_config(file, context=context, client_configuration=settings)
    contexts, active = config.list_kube_config_contexts(file)
    chosen = active if context is None else next(one for one in contexts if one["name"] == context)
    return credentials_of(settings, chosen["context"].get("namespace") or DEFAULT_NAMESPACE)


def _of_service_account() -> Credentials:
    settings = Configuration()
    config.load_incluster_config(client_configuration=settings)
    namespace = _SERVICE_ACCOUNT / "namespace"
    return credentials_of(settings, namespace.read_text().strip() if namespace.exists() else DEFAULT_NAMESPACE)


def credentials_of(settings: Configuration, namespace: str) -> Credentials:
    """Raises OSError for a certificate that cannot be loaded, httpx.InvalidURL for a server that is no URL."""
    server = str(settings.host).rstrip("/")
    return Credentials(
        server=server,
        namespace=namespace,
        auth=TokenAuth(settings) if settings.auth_settings() else httpx.Auth(),
        tls=_tls(settings) if httpx.URL(server).scheme == "https" else None,
        tls_server_name=settings.tls_server_name,
        proxy=_proxy(settings),
    )


def _authorization(settings: Configuration) -> str | None:
    """The value of the header `Authorization`; refreshes the token first where that is due."""
    token = settings.auth_settings().get("BearerToken")
    return token["value"].strip() if token and token["value"] else None


def _tls(settings: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the certificate authorities of many clusters do not meet it
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def _proxy(settings: Configuration) -> str | None:
    proxy: str | None = settings.proxy
    if not proxy or bypasses_proxy(settings.host, settings.no_proxy or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
