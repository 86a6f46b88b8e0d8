"""Runs `tyrex-pool operator`: the operator itself, or the removal of every pool before an uninstallation."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from tyrex_pool.hosting.errors import operator_extra
from tyrex_pool.hosting.event_loop import run
from tyrex_pool.hosting.logs import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tyrex_pool.controller.helm_release import HelmRelease
    from tyrex_pool.controller.operator import Settings


def require_extra() -> None:
    """Raises BadInput when a package of the extra `operator` is missing."""
    with operator_extra():
        import kopf  # noqa: F401 - only to fail before anything starts
        import kubernetes  # noqa: F401


def operator(settings: Settings) -> int:
    """Run the operator until a signal; returns the exit code. Raises OSError for an admin port that is in use."""
    return run(partial(_operate, settings))


async def _operate(settings: Settings, stop: asyncio.Event) -> int:
    from tyrex_pool.cluster.errors import ClusterError
    from tyrex_pool.controller.leader import LeaseLostError
    from tyrex_pool.controller.operator import operate

    try:
        await operate(settings, stop)
    except (ClusterError, LeaseLostError) as error:
        log.error("the operator ends: %s", error)
        return 1
    return 0


def remove_pools(
    namespaces: Sequence[str], timeout: float, release: HelmRelease | None = None, claim: str | None = None
) -> int:
    """Delete the pools of `namespaces` (empty: of all) and wait until they are gone, for at most `timeout` seconds.

    With `release` only if Helm uninstalls it; else nothing is deleted, which is no failure. With `claim`, those of
    other operators stay. Returns the exit code: 1 when a pool is left.
    """
    return run(lambda _: _remove_pools(namespaces, timeout, release, claim))


async def _remove_pools(
    namespaces: Sequence[str], timeout: float, release: HelmRelease | None, claim: str | None
) -> int:
    from tyrex_pool.cluster.access import Cluster
    from tyrex_pool.cluster.errors import ClusterError
    from tyrex_pool.controller.helm_release import UnknownReleaseError, refusal
    from tyrex_pool.controller.uninstall import remove_pools

    try:
        async with await Cluster.connect() as cluster:
            if release is not None and (reason := await refusal(cluster, release)) is not None:
                log.warning("no pool is deleted, since Helm does not uninstall release %s: %s", release.name, reason)
                return 0
            left = await remove_pools(cluster, namespaces, timeout, log.info, claim=claim)
    except (ClusterError, UnknownReleaseError) as error:
        log.error("the pools cannot be removed: %s", error)
        return 1
    if left:
        log.error("after %.0f s these pools are still there: %s", timeout, ", ".join(left))
        return 1
    log.info("no pool is left")
    return 0
