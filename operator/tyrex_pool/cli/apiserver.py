"""The API server of the current kubeconfig, asked by people's commands: blocking, one request at a time.

Certificates, tokens and exec plugins are read by the kubernetes package; the requests are httpx's, so that a pool
is asked through the API server's service proxy by the very client that asks it directly.
"""

import os
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from tyrex_pool.hosting.errors import BadInput, operator_extra
from tyrex_pool.model import names
from tyrex_pool.model.kinds import SERVICE, TYREX_POOL
from tyrex_pool.model.manifest import DEFAULT_NAMESPACE

with operator_extra():
    import yaml
    from kubernetes import config
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.rest import should_bypass_proxies

Object = dict[str, Any]

TIMEOUT: Final = 10.0
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_HINTS: Final = {
    401: "log in again: the API server does not accept the credentials of this kubeconfig",
    403: "ask for the right to do this",
}
_ANONYMOUS: Final = 'User "system:anonymous"'
_UNREADABLE: Final = (config.ConfigException, yaml.YAMLError, OSError, KeyError, TypeError, ValueError)


class Refused(BadInput):
    """The API server itself said no: `status` is that of HTTP, `said` its message."""

    def __init__(self, status: int, said: str) -> None:
        self.status = status
        self.said = said
        hint = _HINTS.get(401 if _ANONYMOUS in said else status, f"the API server answers with status {status}")
        super().__init__(f"{hint}: {said}")


class ApiServer:
    """Made with `ApiServer.connect`; a context manager. `namespace` is the one of the kubeconfig's context."""

    def __init__(self, settings: Configuration, namespace: str) -> None:
        self.namespace = namespace
        self._base = settings.host.rstrip("/")
        token = settings.auth_settings().get("BearerToken")
        headers = {token["key"]: token["value"]} if token and token["value"] else {}
        self.http = httpx.Client(headers=headers, transport=_Transport(settings), timeout=TIMEOUT)

    @classmethod
    def connect(cls, context: str | None) -> Self:
        """By the kubeconfig, or else by a pod's service account. Raises BadInput."""
        settings = Configuration()
        file = os.environ.get("KUBECONFIG") or config.KUBE_CONFIG_DEFAULT_LOCATION
        there = any(Path(one).expanduser().exists() for one in file.split(os.pathsep) if one)
        try:
            if there:
                config.load_kube_config(file, context=context, client_configuration=settings)
                return cls(settings, _namespace(file, context))
            config.load_incluster_config(client_configuration=settings)
            return cls(settings, _NAMESPACE_FILE.read_text().strip() or DEFAULT_NAMESPACE)
        except _UNREADABLE as error:
            if there:
                raise BadInput(f"the kubeconfig {file} cannot be used: {error}") from error
            raise BadInput(f"set KUBECONFIG: there is no kubeconfig at {file}; or pass --url") from error

    def service_url(self, namespace: str, pool: str) -> str:
        """Where a pool answers as at its own Service, through the API server."""
        return f"{self._base}{SERVICE.path(namespace, names.proxy_service(pool))}:{names.SERVICE_PORT}/proxy"

    def pool(self, namespace: str, name: str) -> Object | None:
        """A TyrexPool; None when there is none. Raises BadInput."""
        try:
            return self._get(TYREX_POOL.path(namespace, name))
        except Refused as refusal:
            if refusal.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def pools(self, namespace: str | None) -> list[Object]:
        """The TyrexPools of a namespace (None: of all). Raises BadInput."""
        items: list[Object] = self._get(TYREX_POOL.path(namespace))["items"]
        return items

    def _get(self, path: str) -> Object:
        try:
            response = self.http.get(self._base + path)
        except httpx.TransportError as error:
            raise BadInput(f"try again: the API server {self._base} did not answer ({error})") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise BadInput(f"install the operator: the cluster at {self._base} knows no {names.KIND}")
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise BadInput(f"{self._base} does not answer as an API server does")
        return document

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Status(msgspec.Struct):
    """What an API server answers when it is it that refuses; whoever is behind its proxy answers otherwise."""

    kind: str
    message: str = ""
    code: int = 0


_status = msgspec.json.Decoder(_Status)


class _Transport(httpx.HTTPTransport):
    """Tells refusals of the API server from answers of the pool behind it: raises Refused, and BadInput."""

    def __init__(self, settings: Configuration) -> None:
        direct = settings.proxy is None or should_bypass_proxies(settings.host, settings.no_proxy or "")
        verify = _tls(settings) if settings.host.startswith("https") else True
        super().__init__(verify=verify, proxy=None if direct else settings.proxy)
        self._server = settings.host
        self._server_name = settings.tls_server_name

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._server_name:
            request.extensions["sni_hostname"] = self._server_name
        try:
            response = super().handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            problem = f"the API server {self._server} cannot be reached ({error})"
            raise BadInput(f"see if the cluster is up and the context is the right one: {problem}") from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            response.read()
            _refuse(response)
        return response


def _refuse(response: httpx.Response) -> None:
    try:
        status = _status.decode(response.content)
    except msgspec.DecodeError:
        return
    if status.kind == "Status":
        raise Refused(response.status_code, status.message or response.reason_phrase)


def _tls(settings: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # many a cluster's own authority lacks what that asks for
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def _namespace(file: str, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(file)
    chosen = active if context is None else next(one for one in contexts if one["name"] == context)
    return chosen["context"].get("namespace") or DEFAULT_NAMESPACE
