"""The cluster that a person's command is about: its TyrexPools, and what to say when it refuses or does not answer."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from tyrex_pool.cluster.errors import ClusterError, ClusterUnavailable, NotFound, root_cause
from tyrex_pool.hosting.errors import BadInput, operator_extra
from tyrex_pool.model import names
from tyrex_pool.model.kinds import SERVICE, TYREX_POOL

if TYPE_CHECKING:
    from tyrex_pool.cluster.access import Cluster

Object = dict[str, Any]

_HINTS: Final = {
    401: "log in again: the API server does not accept the credentials of this kubeconfig",
    403: "ask for the right to do this",
}
_ANONYMOUS: Final = 'User "system:anonymous"'
_ROLE: Final = (
    ". The chart's cluster role <release>-caller has it: "
    "kubectl create rolebinding callers -n NAMESPACE --clusterrole=<release>-caller --user=USER"
)
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


@asynccontextmanager
async def connected(context: str | None) -> AsyncIterator["Cluster"]:
    """The cluster of a context of the kubeconfig (None: the current one). Raises BadInput."""
    with operator_extra():
        from tyrex_pool.cluster.access import Cluster
        from tyrex_pool.cluster.credentials import user_credentials
    try:
        cluster = Cluster(user_credentials(context))
    except ClusterUnavailable as error:
        raise BadInput(error.message) from error
    async with cluster:
        yield cluster


async def find_pool(cluster: "Cluster", namespace: str, name: str) -> Object | None:
    """A TyrexPool; None when there is none. Raises BadInput."""
    with refusals_as_bad_input(cluster):
        try:
            return await cluster.read(TYREX_POOL, namespace, name)
        except NotFound as error:
            if error.explained:
                return None
            raise


async def list_pools(cluster: "Cluster", namespace: str | None) -> list[Object]:
    """The TyrexPools of a namespace (None: of all). Raises BadInput."""
    with refusals_as_bad_input(cluster):
        return await cluster.list(TYREX_POOL, namespace)


def service_url(cluster: "Cluster", namespace: str, pool: str) -> str:
    """The URL at which the API server forwards requests to a pool's Service."""
    return f"{cluster.url}{SERVICE.path(namespace, names.proxy_service(pool))}:{names.SERVICE_PORT}/proxy"


@contextmanager
def refusals_as_bad_input(cluster: "Cluster") -> Iterator[None]:
    """Raises BadInput in place of ClusterError."""
    try:
        yield
    except ClusterError as error:
        raise BadInput(advice(error, cluster.url)) from error


def advice(error: ClusterError, server: str) -> str:
    """What a person should do about `error` of the API server at the URL `server`."""
    if isinstance(error, ClusterUnavailable):
        return _unanswered(error, server)
    if not error.explained:
        return _unexplained(error, server)
    status = 401 if _ANONYMOUS in error.message else error.status
    hint = _HINTS.get(status, f"the API server answers with status {status}")
    return f"{hint}: {error.message}{_ROLE if status == _FORBIDDEN else ''}"


def _unanswered(error: ClusterUnavailable, server: str) -> str:
    cause = root_cause(error)
    if error.connected:
        return f"try again: the API server {server} did not answer ({cause})"
    problem = f"the API server {server} cannot be reached ({cause})"
    return f"see if the cluster is up and the context is the right one: {problem}"


def _unexplained(error: ClusterError, server: str) -> str:
    if error.status == _NOT_FOUND:
        return f"install the operator: the cluster at {server} knows no {names.KIND}"
    return f"{server} does not answer as an API server does"
