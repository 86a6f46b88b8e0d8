"""`tyrex-pool operator`: turns TyrexPools into pods, in the cluster of the service account or the kubeconfig."""

import argparse
import asyncio
import os
import socket

from tyrex_pool.cli.eval import timeout as duration
from tyrex_pool.hosting.errors import BadInput, operator_extra
from tyrex_pool.hosting.hosting import EVERYWHERE, log
from tyrex_pool.hosting.hosting import run as host
from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import Platform

_NAMESPACE_VARIABLE = "POD_NAMESPACE"
_NAME_VARIABLE = "POD_NAME"
_LEASE = "tyrex-pool-operator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--namespace",
        "-n",
        action="append",
        default=[],
        metavar="NS",
        help="look after this one; repeatable (default: all)",
    )
    parser.add_argument("--runtime-image", metavar="IMAGE", help="for pools that name none in spec.runtime.image")
    parser.add_argument("--proxy-image", metavar="IMAGE", help="for pools that name none in spec.proxy.image")
    parser.add_argument("--image-pull-policy", choices=("Always", "IfNotPresent", "Never"))
    parser.add_argument("--image-pull-secret", action="append", default=[], metavar="SECRET", help="repeatable")
    parser.add_argument("--resync", type=duration, default=60.0, metavar="60s", help="look at every pool this often")
    parser.add_argument(
        "--lease", default=_LEASE, metavar="NAME", help=f"Lease in ${_NAMESPACE_VARIABLE}; who holds it works"
    )
    parser.add_argument("--no-lease", action="store_true", help="work at once: no other operator is there")
    parser.add_argument("--host", default=EVERYWHERE, help=f"address of the admin port (default {EVERYWHERE})")
    parser.add_argument("--admin-port", type=int, default=names.ADMIN_PORT, help="port of health and metrics")
    parser.add_argument(
        "--remove-pools", action="store_true", help="delete all pools, wait until they are gone, and end"
    )
    parser.add_argument("--timeout", type=duration, default=300.0, metavar="5m", help="of --remove-pools")


def run(args: argparse.Namespace) -> int:
    with operator_extra():
        import kopf  # noqa: F401 - only to tell before anything starts
        import kubernetes  # noqa: F401
    return host(lambda stop: _remove(args, stop) if args.remove_pools else _operate(args, stop))


async def _operate(args: argparse.Namespace, stop: asyncio.Event) -> int:
    from tyrex_pool.cluster.access import ClusterError
    from tyrex_pool.controller.leader import LeaseLostError
    from tyrex_pool.controller.operator import Settings, operate

    for option in ("runtime_image", "proxy_image"):
        if not getattr(args, option):
            raise BadInput(f"pass --{option.replace('_', '-')} IMAGE")
    namespace = os.environ.get(_NAMESPACE_VARIABLE)
    if namespace is None and not args.no_lease:
        raise BadInput(f"set {_NAMESPACE_VARIABLE} to the operator's own namespace, or pass --no-lease")
    platform = Platform(
        args.runtime_image, args.proxy_image, args.image_pull_policy, tuple(args.image_pull_secret), namespace
    )
    settings = Settings(
        platform,
        os.environ.get(_NAME_VARIABLE) or socket.gethostname(),
        tuple(args.namespace),
        args.resync,
        None if args.no_lease or namespace is None else (namespace, args.lease),
        args.host,
        args.admin_port,
    )
    try:
        await operate(settings, stop)
    except (ClusterError, LeaseLostError) as error:
        log.error("the operator ends: %s", error)
        return 1
    return 0


async def _remove(args: argparse.Namespace, stop: asyncio.Event) -> int:
    from tyrex_pool.cluster.access import Cluster, ClusterError
    from tyrex_pool.controller.uninstall import remove_pools

    try:
        async with await Cluster.connect() as cluster:
            left = await remove_pools(cluster, args.namespace, args.timeout, log.info)
    except ClusterError as error:
        log.error("the pools cannot be removed: %s", error)
        return 1
    if left:
        log.error("after %.0f s these pools are still there: %s", args.timeout, ", ".join(left))
        return 1
    log.info("no pool is left")
    return 0
