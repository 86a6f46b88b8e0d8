"""The chart in other hands than Helm's: applying what it renders deletes no pool; only an uninstallation does."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cluster.audit import now, writes
from tests.cluster.pools import RESOURCE, InstalledPool, manifest
from tests.cluster.releases import SMALL, Release

pytestmark = pytest.mark.slow
QUIET = timedelta(seconds=5)


@pytest.fixture(scope="module")
def release(releases: Callable[[str], Release]) -> Release:
    made = releases("rendered")
    made.install()
    return made


@pytest.fixture(scope="module")
def pool(release: Release) -> InstalledPool:
    return release.pool()


def kubectl_apply(release: Release, folder: Path) -> None:
    release.kubectl("apply", "--filename=-", input=release.render())


def apply_twice(release: Release, folder: Path) -> None:
    text = release.render()
    for _ in range(2):
        release.kubectl("apply", "--filename=-", input=text)


def server_side(release: Release, folder: Path) -> None:
    """With conflicts forced, as Flux and Argo CD do."""
    words = ("apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller", "--filename=-")
    release.kubectl(*words, input=release.render())


def kustomize(release: Release, folder: Path) -> None:
    (folder / "rendered.yaml").write_text(release.render())
    (folder / "kustomization.yaml").write_text(json.dumps({"resources": ["rendered.yaml"]}))
    release.kubectl("apply", "--kustomize", str(folder))


@pytest.mark.parametrize("apply", [kubectl_apply, apply_twice, server_side, kustomize])
def test_what_is_rendered_deletes_no_pool(
    release: Release, pool: InstalledPool, tmp_path: Path, apply: Callable[[Release, Path], None]
) -> None:
    uid, job = pool.read()["metadata"]["uid"], f"job/{release.name}-remove-pools"
    apply(release, tmp_path)
    release.kubectl("wait", job, "--for=condition=Complete", "--timeout=60s")
    assert "no pool is deleted, since Helm does not uninstall release" in release.kubectl("logs", job)
    metadata = pool.read()["metadata"]
    assert (metadata["uid"], metadata.get("deletionTimestamp")) == (uid, None)
    release.kubectl("delete", job)
    pool.wait_ready()
    assert_quiet(release, pool)


def test_fields_that_a_user_applies_server_side(release: Release, pool: InstalledPool) -> None:
    """The user's manager and the operator's own different fields."""
    text = manifest(pool.name, {**SMALL, "queue": {"length": 7}}, pool.namespace)
    pool.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=me", "--filename=-", input=text)
    pool.wait_ready()
    assert_quiet(release, pool)


def assert_quiet(release: Release, pool: InstalledPool) -> None:
    """The operator writes less than once a second; Leases are not counted."""
    if release.cluster.audit_log is None:
        return
    since = now()
    release.cluster.wait(lambda: now() >= since + QUIET, 30, "some seconds to pass")
    written = [one for one in writes(release.cluster.audit_log, since) if one.user == release.account]
    of_pool = [one for one in written if one.name == f"{pool.namespace}/{pool.name}" or one.resource != "leases"]
    assert len(of_pool) < QUIET.total_seconds(), of_pool


def test_only_an_uninstallation_deletes_them(release: Release, pool: InstalledPool) -> None:
    """After upgrades and a rollback, whose hooks are those of an older revision."""
    uid = pool.read()["metadata"]["uid"]
    release.install()
    release.install("operator.resyncSeconds=30")
    release.helm("rollback", release.name, "1", "--wait", "--timeout=90s")
    pool.wait_ready()
    assert pool.read()["metadata"]["uid"] == uid
    said = release.uninstall()
    assert release.kubectl("get", RESOURCE, "--output=name") == ""
    assert not release.is_there(), said
