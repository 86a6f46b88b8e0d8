"""The rules of the variable NO_PROXY: which servers are reached without a proxy."""

import ipaddress
from urllib.parse import urlsplit


def bypasses_proxy(url: str, no_proxy: str) -> bool:
    """Whether `no_proxy` names the host of `url`.

    `no_proxy` is a list, separated by commas, of hosts, domains, `HOST:PORT`, IP addresses and networks in CIDR
    notation; `*` names every host.
    """
    parts = urlsplit(url)
    host, host_and_port = (parts.hostname or "").lower(), parts.netloc.lower()
    return any(_matches(entry.strip().lower(), host, host_and_port) for entry in no_proxy.split(","))


def _matches(entry: str, host: str, host_and_port: str) -> bool:
    if not entry:
        return False
    if entry == "*" or _in_network(host, entry):
        return True
    domain = entry.lstrip(".")
    return any(name == domain or name.endswith(f".{domain}") for name in (host, host_and_port))


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
