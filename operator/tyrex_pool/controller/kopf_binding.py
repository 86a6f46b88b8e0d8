"""The only module that uses kopf.

kopf is the frame of the operator's process: it logs in to the API server (service account, else kubeconfig) and renews
the credentials, finds the TyrexPool resource, watches it in all namespaces in scope with reconnects, and starts and
stops all of that with the process.

kopf does nothing else here. There are no change handlers, whose progress kopf would store in annotations of the
pool, no finalizers and no patches of the status: the reconciler is level-triggered and writes these itself, and a
second writer would cause conflicts. Posting of events is off, since the reconciler posts one per change of the
condition Ready. Peering is off (`standalone`), since a Lease elects the leader. Children are watched by
`controller/watches.py`, since kopf would run one handler per object where a work queue has to join many changes
of one pool.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import kopf

from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model import names

OnPool = Callable[[Object, bool], None]
"""Called with each TyrexPool that exists or has changed; True: it was deleted."""

_REQUEST_TIMEOUT: Final = 10.0
_WATCH_TIMEOUT: Final = 240
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def watch_pools(identity: str, namespaces: Sequence[str], on_pool: OnPool, stop: asyncio.Event) -> None:
    """Run kopf until cancelled. `namespaces` empty: all of them. SIGINT and SIGTERM set `stop`.

    Raises ClusterError when kopf gives up the watch: only a new process can try again then.
    """
    ready = asyncio.Event()
    signals = asyncio.ensure_future(_take_signals_back(ready, stop))
    try:
        await kopf.operator(
            registry=registry(on_pool),
            settings=settings(),
            identity=cast("Any", identity),  # without it kopf looks up the user, who has no name in a pod
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            ready_flag=ready,
        )
    except Exception as error:
        raise ClusterError(f"the watch of TyrexPools ended: {error}") from error
    finally:
        signals.cancel()


async def _take_signals_back(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """kopf installs its own signal handlers and takes several seconds to stop; the operator stops at once."""
    await ready.wait()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def registry(on_pool: OnPool) -> kopf.OperatorRegistry:
    """kopf's handlers: one for the login, one for the watch events of TyrexPools."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> Any:
        return kopf.login_with_service_account(**kwargs) or kopf.login_via_client(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def pool(event: Any, **_: Any) -> None:
        on_pool(dict(event["object"]), event["type"] == "DELETED")

    return handlers


def settings() -> kopf.OperatorSettings:
    """Timeouts by which kopf notices a dead connection, and everything off by which it would write to a pool."""
    chosen = kopf.OperatorSettings()
    chosen.networking.request_timeout = _REQUEST_TIMEOUT
    chosen.watching.server_timeout = _WATCH_TIMEOUT
    chosen.watching.client_timeout = _WATCH_TIMEOUT + 2 * _REQUEST_TIMEOUT
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    # Not the operator's own finalizer: kopf removes its finalizer from every object that it sees.
    chosen.persistence.finalizer = f"{names.GROUP}/kopf"
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=names.GROUP)
    chosen.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=names.GROUP)
    return chosen
