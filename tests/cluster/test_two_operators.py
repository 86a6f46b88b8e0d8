"""Two operators over the same pool: one has it, the other says so and keeps off."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cluster.audit import now, writes
from tests.cluster.cluster import Cluster, Images
from tests.cluster.pools import InstalledPool
from tests.cluster.releases import Release
from tyrex_pool.model import names

SPEC = {"size": 1, "proxy": {"replicas": 1}, "timeouts": {"drain": "1s"}}
REST = timedelta(seconds=15)
pytestmark = pytest.mark.slow


@pytest.fixture
def second(operator: str, cluster: Cluster, images: Images, root: Path, namespace: str) -> Iterator[Release]:
    """Another release, for the namespace of the test alone; the session's is for all of them."""
    release = Release(cluster, images, root / "charts" / "tyrex-pool", namespace)
    yield release
    if release.is_there():
        release.helm("uninstall", release.name, "--no-hooks", "--wait", "--timeout=60s", check=False)


def test_the_first_keeps_its_pool_and_the_second_says_so(
    pool: Callable[..., InstalledPool], second: Release, operator: str
) -> None:
    own = pool("p", SPEC)
    before = own.restarts()
    second.install("crds.install=false", "rbac.userRoles=false")
    own.cluster.wait(lambda: said(own), 30, "an event of the second one")
    assert claim(own) == f"tyrex-system/{operator}"
    if own.cluster.audit_log is not None:
        since = now()
        own.cluster.wait(lambda: now() >= since + REST, 30, "some seconds to pass")
        mine = [one for one in writes(own.cluster.audit_log, since) if one.name.startswith(f"{own.namespace}/p")]
        assert [one for one in mine if one.resource != "leases"] == []
    own.patch({"size": 2})
    own.wait_ready()
    assert set(before.items()) <= set(own.restarts().items())
    assert claim(own) == f"tyrex-system/{operator}"


def test_a_new_pool_gets_one_of_them_and_can_be_handed_over(
    pool: Callable[..., InstalledPool], second: Release, operator: str
) -> None:
    second.install("crds.install=false", "rbac.userRoles=false")
    own = pool("p", SPEC)
    both = {f"tyrex-system/{operator}", f"{second.namespace}/{second.operator}"}
    (other,) = both - {claim(own)}
    own.kubectl("annotate", names.PLURAL, "p", "--overwrite", f"{names.ANNOTATION_OPERATOR}={other}")
    own.patch({"size": 2})
    own.wait_ready()
    assert claim(own) == other
    if own.cluster.audit_log is not None:
        since = now()
        own.cluster.wait(lambda: now() >= since + REST, 30, "some seconds to pass")
        mine = [one for one in writes(own.cluster.audit_log, since) if one.name.startswith(f"{own.namespace}/p")]
        assert len(mine) < REST.total_seconds()


def test_when_the_second_is_uninstalled_the_first_takes_over_its_pool(
    pool: Callable[..., InstalledPool], second: Release, operator: str
) -> None:
    second.install("crds.install=false", "rbac.userRoles=false", "uninstall.pools=Keep")
    own = pool("p", SPEC)
    hand_over = f"{names.ANNOTATION_OPERATOR}={second.namespace}/{second.operator}"
    own.kubectl("annotate", names.PLURAL, "p", "--overwrite", hand_over)
    own.patch({"size": 2})
    own.wait_ready()
    second.uninstall()
    own.cluster.wait(lambda: claim(own) == f"tyrex-system/{operator}", 90, "the first to take over")
    own.patch({"size": 1})
    own.wait_ready()


def claim(pool: InstalledPool) -> str:
    return str(pool.read()["metadata"].get("annotations", {}).get(names.ANNOTATION_OPERATOR))


def said(pool: InstalledPool) -> bool:
    events = json.loads(pool.kubectl("get", "events", "--output=json"))["items"]
    return any((event["reason"], event["type"]) == ("OtherOperator", "Warning") for event in events)
