"""What keeps the node from running on this machine, in one sentence that says what to do about it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.node.places import HERE

PACKAGES = {
    "buildah": "buildah",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "etcd": "etcd-server",
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
    "sysctl": "procps",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""A program, and the Debian package that has it. `.ci/run` installs these."""
_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "true")


def missing() -> str | None:
    """The first thing that is missing, or None."""
    if not sys.platform.startswith("linux"):
        return (
            f"not Linux ({sys.platform}): a node needs a Linux kernel; use a cluster (KUBECONFIG) or Docker with kind"
        )
    if os.geteuid() != 0:
        return "not root: a node needs namespaces, mounts and iptables; run as root, or set KUBECONFIG"
    if packages := missing_packages():
        return f"programs are missing: apt-get install {' '.join(packages)}"
    if subprocess.run(_NAMESPACES, capture_output=True).returncode:
        return "no new namespaces: root lacks CAP_SYS_ADMIN here (an unprivileged container?)"
    return _go()


def missing_packages() -> list[str]:
    """The Debian packages to install."""
    return sorted({package for program, package in PACKAGES.items() if not shutil.which(program, path=search_path())})


def search_path() -> str:
    """PATH, with the folders that system programs are in."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _go() -> str | None:
    wanted = "Go 1.26 or newer is missing, which compiles Kubernetes: install it from go.dev"
    if not shutil.which("go"):
        return wanted
    # Go itself knows whether it is new enough for go.mod, or may fetch the toolchain that is.
    told = subprocess.run(["go", "version"], cwd=Path(HERE / "binaries"), capture_output=True, text=True)
    return f"{wanted} ({told.stderr.strip().splitlines()[-1]})" if told.returncode else None
