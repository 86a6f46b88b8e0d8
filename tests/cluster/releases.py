"""Releases of the chart beside the session's own: each for the pools of its own namespace, and no other operator."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, Images
from tests.cluster.installed import RELEASE, values
from tests.cluster.operators import Operators
from tests.cluster.pools import OPERATOR_NAMESPACE, InstalledPool
from tyrex_pool.model import names

SMALL = {"size": 1, "proxy": {"replicas": 1}}
SCOPE = ("--set", "scope=Namespaces")
_CHURN = ("events", "endpoints", "pods.metrics")
"""Kinds whose objects come, or go, by themselves."""


@dataclass(frozen=True, slots=True)
class Release:
    """One of the chart in `chart`, called `name`, in `namespace`."""

    cluster: Cluster
    images: Images
    chart: Path
    namespace: str
    name: str = "trial-tyrex-pool"

    @property
    def operator(self) -> str:
        """Its Deployment, and its Lease, and its ServiceAccount."""
        return f"{self.name}-operator"

    @property
    def account(self) -> str:
        """Who the operator is to the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.operator}"

    def install(self, *settings: str, chart: Path | None = None) -> None:
        """Or upgrade it, to just these `settings`. Returns when the operator is ready."""
        words = ("upgrade", self.name, str(chart or self.chart), "--install", "--take-ownership", "--wait")
        sets = [word for setting in settings for word in ("--set", setting)]
        self.helm(*words, "--timeout=90s", *values(self.images), *SCOPE, *sets)

    def render(self) -> str:
        """The same as text, hooks included, for other programs than Helm."""
        words = ("template", self.name, str(self.chart), "--kube-version=1.36.0", *values(self.images), *SCOPE)
        return self.helm(*words)

    def uninstall(self, check: bool = True) -> str:
        """What Helm says."""
        return self.helm("uninstall", self.name, "--wait", "--timeout=120s", check=check)

    def helm(self, *words: str, check: bool = True) -> str:
        return self.cluster.helm("--namespace", self.namespace, *words, check=check)

    def kubectl(self, *words: str, input: str | None = None, check: bool = True) -> str:
        """One command in its namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words, input=input, check=check)

    def scale(self, replicas: int) -> None:
        self.kubectl("scale", f"deployment/{self.operator}", f"--replicas={replicas}")
        self.kubectl("rollout", "status", f"deployment/{self.operator}", "--timeout=60s")

    def pool(self, name: str = "demo") -> InstalledPool:
        """A small one, ready."""
        pool = InstalledPool(self.cluster, self.namespace, name)
        pool.apply(SMALL)
        pool.wait_ready()
        return pool

    def is_there(self) -> bool:
        return self.name in self.helm("list", "--short", "--all").split()

    def objects(self) -> set[str]:
        """All that is in its namespace, and what there is of it in the whole cluster but the CRD."""
        kinds = self.cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        lasting = ",".join(kind for kind in kinds if not kind.startswith(_CHURN))
        of_it = f"--selector=app.kubernetes.io/instance={self.name}"
        return {
            *self.kubectl("get", lasting, "--output=name").split(),
            *self.cluster.kubectl("get", "clusterroles,clusterrolebindings", of_it, "--output=name").split(),
        }

    def may(self, verb: str, resource: str, namespace: str | None = None, *who: str) -> bool:
        """Whether the operator, or `who`, has a right; in its namespace, or in another one."""
        where = ("--namespace", namespace or self.namespace)
        asked = who or (f"--as={self.account}",)
        return self.cluster.kubectl("auth", "can-i", verb, resource, *where, *asked, check=False).strip() == "yes"


@contextmanager
def no_operator(cluster: Cluster) -> Iterator[None]:
    """The session's, if there is one, looks after every pool: it is away during the block."""
    with ExitStack() as stack:
        if RELEASE in cluster.helm("list", "--short", "--namespace", OPERATOR_NAMESPACE).split():
            stack.enter_context(Operators(cluster, f"{RELEASE}-tyrex-pool-operator").scaled(0))
        yield


MakeRelease = Callable[[str], Release]


@pytest.fixture(scope="module")
def releases(cluster: Cluster, images: Images, root: Path) -> Iterator[MakeRelease]:
    """Makes a Release in a new namespace, not installed yet; whatever is left of it goes at the end."""
    with ExitStack() as stack:
        stack.enter_context(no_operator(cluster))

        def make(purpose: str) -> Release:
            namespace = stack.enter_context(cluster.namespace(purpose))
            release = Release(cluster, images, root / "charts" / "tyrex-pool", namespace)
            stack.callback(_remove, release)
            return release

        yield make


def _remove(release: Release) -> None:
    if release.is_there():
        release.kubectl("delete", f"{names.PLURAL}.{names.GROUP}", "--all", "--timeout=60s", check=False)
        release.helm("uninstall", release.name, "--no-hooks", "--wait", "--timeout=60s", check=False)


def other_chart(chart: Path, folder: Path, version: str, crd: Callable[[str], str]) -> Path:
    """A copy of the chart with another version and another CRD."""
    copy = folder / "chart"
    shutil.copytree(chart, copy)
    about, carried = copy / "Chart.yaml", copy / "files" / "tyrexpool.yaml"
    lines = about.read_text().splitlines()
    about.write_text("\n".join(f"version: {version}" if line.startswith("version:") else line for line in lines))
    carried.write_text(crd(carried.read_text()))
    return copy
