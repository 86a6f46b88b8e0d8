"""The Service that users call, and the headless Service by which proxies find the runtimes."""

from typing import Final

from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import DeclaredPool, Manifest, Platform
from tyrex_pool.plan.metadata import selector

_ROUTING: Final = {"sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
"""Defaults, and written down: a field that we own comes back when somebody edits it."""


def proxies(pool: DeclaredPool, platform: Platform) -> Manifest:
    service = pool.spec.proxy.service
    chosen = {"labels": dict(service.labels), "annotations": dict(service.annotations)}
    return {
        "metadata": {name: entries for name, entries in chosen.items() if entries},
        "spec": {
            "type": service.type,
            "publishNotReadyAddresses": False,
            **_ROUTING,
            "selector": selector(pool.name, names.COMPONENT_PROXY),
            "ports": [_port(names.PORT_HTTP, names.SERVICE_PORT)],
        },
    }


def runtimes(pool: DeclaredPool, platform: Platform) -> Manifest:
    """Addresses are published before they are ready: proxies check the health of each runtime themselves."""
    return {
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            **_ROUTING,
            "selector": selector(pool.name, names.COMPONENT_RUNTIME),
            "ports": [_port(names.PORT_HTTP, names.SERVE_PORT), _port(names.PORT_ADMIN, names.ADMIN_PORT)],
        }
    }


def _port(name: str, port: int) -> Manifest:
    """A port that leads to the container's port of the same name."""
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": name}
