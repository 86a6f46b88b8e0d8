"""`tyrex-pool operator`: turns TyrexPools into pods, in the cluster of the service account or the kubeconfig."""

from __future__ import annotations

import argparse
import os
import socket
from typing import TYPE_CHECKING, Final

from tyrex_pool.cli.eval import timeout as duration
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.operator import operator, remove_pools, require_extra
from tyrex_pool.hosting.options import EVERYWHERE
from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tyrex_pool.controller.operator import Settings

_NAMESPACE_VARIABLE: Final = "POD_NAMESPACE"
_NAME_VARIABLE: Final = "POD_NAME"
_LEASE: Final = "tyrex-pool-operator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--namespace",
        "-n",
        action="append",
        default=[],
        metavar="NS",
        help="operate on the pools of this namespace; repeatable (default: all)",
    )
    parser.add_argument("--runtime-image", metavar="IMAGE", help="for pools that name none in spec.runtime.image")
    parser.add_argument("--proxy-image", metavar="IMAGE", help="for pools that name none in spec.proxy.image")
    parser.add_argument("--image-pull-policy", choices=("Always", "IfNotPresent", "Never"))
    parser.add_argument("--image-pull-secret", action="append", default=[], metavar="SECRET", help="repeatable")
    parser.add_argument("--resync", type=duration, default=60.0, metavar="60s", help="reconcile every pool this often")
    parser.add_argument(
        "--lease", default=_LEASE, metavar="NAME", help=f"Lease in ${_NAMESPACE_VARIABLE}; only its holder operates"
    )
    parser.add_argument(
        "--no-lease", action="store_true", help="operate at once, without a Lease: there is no other operator"
    )
    parser.add_argument("--host", default=EVERYWHERE, help=f"address of the admin port (default {EVERYWHERE})")
    parser.add_argument("--admin-port", type=int, default=names.ADMIN_PORT, help="port of health and metrics")
    parser.add_argument(
        "--remove-pools", action="store_true", help="delete all pools, wait until they are gone, and end"
    )
    parser.add_argument("--timeout", type=duration, default=300.0, metavar="5m", help="how long --remove-pools waits")


def run(args: argparse.Namespace) -> int:
    require_extra()
    if args.remove_pools:
        own = os.environ.get(_NAMESPACE_VARIABLE)
        return remove_pools(args.namespace, args.timeout, f"{own}/{args.lease}" if own and not args.no_lease else None)
    return operator(settings(args, os.environ))


def settings(args: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Raises BadInput for an image or a namespace that is missing. Needs the extra `operator`."""
    from tyrex_pool.controller.operator import Settings

    for option in ("runtime_image", "proxy_image"):
        if not getattr(args, option):
            raise BadInput(f"pass --{option.replace('_', '-')} IMAGE")
    namespace = environment.get(_NAMESPACE_VARIABLE)
    if namespace is None and not args.no_lease:
        raise BadInput(f"set {_NAMESPACE_VARIABLE} to the operator's own namespace, or pass --no-lease")
    return Settings(
        Platform(
            args.runtime_image, args.proxy_image, args.image_pull_policy, tuple(args.image_pull_secret), namespace
        ),
        environment.get(_NAME_VARIABLE) or socket.gethostname(),
        tuple(args.namespace),
        args.resync,
        None if args.no_lease or namespace is None else (namespace, args.lease),
        args.host,
        args.admin_port,
    )
