"""Tells refusals of the API server from answers of whatever it forwards a request to."""

from typing import Final

import httpx

from tyrex_pool.cluster.credentials import Credentials
from tyrex_pool.cluster.errors import explained_refusal, unavailable

_NOT_CONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
_KEPT: Final = 15.0
"""Seconds that an idle connection is kept for another request."""


class ApiServerTransport(httpx.AsyncHTTPTransport):
    """Raises ClusterError when there is no connection, or the answer is a `Status` that refuses the request.

    Every other answer is returned, also with a status of 400 or more: through the API server's service proxy it is
    the answer of a pool, which its client understands. The number of connections has no limit, since watches hold
    theirs.
    """

    def __init__(self, credentials: Credentials) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEPT)
        super().__init__(verify=credentials.tls or True, proxy=credentials.proxy, limits=limits)
        self._tls_server_name = credentials.tls_server_name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._tls_server_name:
            request.extensions["sni_hostname"] = self._tls_server_name
        try:
            response = await super().handle_async_request(request)
        except _NOT_CONNECTED as error:
            raise unavailable(error, connected=False) from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            refusal = explained_refusal(response.status_code, await response.aread())
            if refusal is not None:
                raise refusal
        return response
