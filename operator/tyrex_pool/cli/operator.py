"""`tyrex-pool operator`: turns TyrexPools into pods, in the cluster of the service account or the kubeconfig."""

from __future__ import annotations

import argparse
import json
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

from tyrex_pool.cli.arguments import address, port
from tyrex_pool.cli.eval import timeout as duration
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.operator import operator, remove_pools, require_extra
from tyrex_pool.hosting.options import EVERYWHERE
from tyrex_pool.model import names
from tyrex_pool.model.components import PodDefaults
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.schema import convert
from tyrex_pool.plan.declared_pool import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tyrex_pool.controller.helm_release import HelmRelease
    from tyrex_pool.controller.operator import Settings

_NAMESPACE_VARIABLE: Final = "POD_NAMESPACE"
_NAME_VARIABLE: Final = "POD_NAME"
_LEASE: Final = "tyrex-pool-operator"
_PARTS: Final = 3
"""Of the value of --helm-release."""


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
    for component in ("runtime", "proxy"):
        parser.add_argument(
            f"--{component}-defaults",
            type=partial(_defaults, component),
            default=PodDefaults(),
            metavar="JSON",
            help=f"pod and podMetadata for all pools, below spec.{component} of each",
        )
    parser.add_argument(
        "--assigned-users", action="store_true", help="the cluster assigns users to pods, as OpenShift does: name none"
    )
    parser.add_argument("--resync", type=duration, default=60.0, metavar="60s", help="reconcile every pool this often")
    parser.add_argument(
        "--lease", default=_LEASE, metavar="NAME", help=f"Lease in ${_NAMESPACE_VARIABLE}; only its holder operates"
    )
    parser.add_argument(
        "--no-lease", action="store_true", help="operate at once, without a Lease: there is no other operator"
    )
    parser.add_argument(
        "--host", type=address, default=EVERYWHERE, help=f"address of the admin port (default {EVERYWHERE})"
    )
    parser.add_argument("--admin-port", type=port, default=names.ADMIN_PORT, help="port of health and metrics")
    parser.add_argument(
        "--remove-pools", action="store_true", help="delete all pools, wait until they are gone, and end"
    )
    parser.add_argument("--timeout", type=duration, default=300.0, metavar="5m", help="how long --remove-pools waits")
    parser.add_argument(
        "--helm-release",
        metavar="RELEASE:DEPLOYMENT:JOB",
        type=_helm_release,
        help=f"delete pools only if Helm uninstalls this release in ${_NAMESPACE_VARIABLE} with this hook",
    )


def run(args: argparse.Namespace) -> int:
    require_extra()
    if args.remove_pools:
        own = os.environ.get(_NAMESPACE_VARIABLE)
        claim = f"{own}/{args.lease}" if own and not args.no_lease else None
        return remove_pools(args.namespace, args.timeout, helm_release(args, os.environ), claim)
    return operator(settings(args, os.environ))


def helm_release(args: argparse.Namespace, environment: Mapping[str, str]) -> HelmRelease | None:
    """None: the pools are removed in any case. Raises BadInput when the namespace is missing."""
    from tyrex_pool.controller.helm_release import HelmRelease

    if args.helm_release is None:
        return None
    if (namespace := environment.get(_NAMESPACE_VARIABLE)) is None:
        raise BadInput(f"set {_NAMESPACE_VARIABLE} to the namespace of the release")
    return HelmRelease(namespace, *args.helm_release)


def _defaults(component: str, text: str) -> PodDefaults:
    try:
        return convert(json.loads(text), PodDefaults, component)
    except InvalidSpec as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"write JSON: {error}") from error


def _helm_release(text: str) -> list[str]:
    parts = text.split(":")
    if len(parts) != _PARTS or not all(parts):
        raise argparse.ArgumentTypeError(f"write RELEASE:DEPLOYMENT:JOB, not {text!r}")
    return parts


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
            args.runtime_image,
            args.proxy_image,
            args.image_pull_policy,
            tuple(args.image_pull_secret),
            namespace,
            args.assigned_users,
            args.runtime_defaults,
            args.proxy_defaults,
        ),
        environment.get(_NAME_VARIABLE) or socket.gethostname(),
        tuple(args.namespace),
        args.resync,
        None if args.no_lease or namespace is None else (namespace, args.lease),
        args.host,
        args.admin_port,
    )
