"""What the chart installs: a test that evaluates, rights that suffice and go no further, metrics."""

import re
from collections.abc import Callable

import pytest

from tests.cluster.pools import RESOURCE, InstalledPool
from tests.cluster.releases import Release
from tyrex_pool.model import names


@pytest.fixture(scope="module")
def release(releases: Callable[[str], Release]) -> Release:
    made = releases("chart")
    made.install()
    return made


@pytest.fixture(scope="module")
def pool(release: Release) -> InstalledPool:
    return release.pool()


def test_helm_test_evaluates_and_leaves_nothing(release: Release) -> None:
    before = release.objects()
    said = release.helm("test", release.name, "--timeout=120s", check=False)  # the log is on standard error
    assert f"http://{release.name}-test.{release.namespace}.svc says 6 * 7 = 42" in said
    assert "Phase:          Succeeded" in said
    release.cluster.wait(lambda: release.objects() == before, 30, "nothing of the test")


def test_notes_name_commands_that_work(release: Release) -> None:
    notes = release.helm("get", "notes", release.name)
    (status,) = re.findall(r"kubectl rollout status -n (\S+) (\S+)", notes)
    assert release.cluster.kubectl("rollout", "status", "-n", *status)
    (listing,) = re.findall(r"kubectl get tyrexpools -n (\S+)", notes)
    assert release.cluster.kubectl("get", "tyrexpools", "-n", listing, check=False)


# Rights -------------------------------------------------------------------------------------------------------


def test_the_operator_s_rights_suffice(release: Release, pool: InstalledPool) -> None:
    """Every one of its requests was allowed: the pool is ready, and its log tells of none that was not."""
    assert "forbidden" not in release.kubectl("logs", f"deployment/{release.operator}").lower()


@pytest.mark.parametrize("resource", ["deployments", "services", "roles", "networkpolicies", RESOURCE])
def test_the_operator_has_rights_in_its_own_namespace_only(release: Release, resource: str) -> None:
    assert release.may("delete", resource)
    assert not release.may("list", resource, "default")


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("create", "pods"),
        ("create", RESOURCE),
        ("escalate", "roles"),
        ("bind", "roles"),
        ("delete", "leases"),
        ("update", "leases/another"),
    ],
)
def test_the_operator_may_not(release: Release, verb: str, resource: str) -> None:
    assert not release.may(verb, resource)


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        pytest.param("view", {"get", "list", "watch"}, {"create", "patch", "delete"}, id="view"),
        pytest.param("edit", {"get", "create", "update", "patch", "delete", "deletecollection"}, set(), id="edit"),
        pytest.param("admin", {"get", "create", "update", "patch", "delete", "deletecollection"}, set(), id="admin"),
        pytest.param("trial-tyrex-pool-caller", {"get", "list"}, {"watch", "create", "delete"}, id="caller"),
    ],
)
def test_roles_for_people(release: Release, role: str, allowed: set[str], refused: set[str]) -> None:
    release.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}")

    def verbs() -> set[str]:
        return {verb for verb in allowed | refused if release.may(verb, RESOURCE, None, f"--as={role}")}

    release.cluster.wait(lambda: verbs() == allowed, 10, f"{role} to have what it should")


def test_callers_reach_pools_through_the_api_server(release: Release, pool: InstalledPool) -> None:
    """kubectl sends no content type, so that it can ask for the pool, but not evaluate; test_cli.py does."""
    service = f"/api/v1/namespaces/{pool.namespace}/services/{pool.name}:{names.PORT_HTTP}/proxy"

    def answer() -> str:
        return pool.kubectl("get", "--raw", f"{service}{names.PATH_POOL}", "--as=someone", check=False)

    assert "cannot get resource" in answer()
    release.kubectl("create", "rolebinding", "calls", f"--clusterrole={release.name}-caller", "--user=someone")
    release.cluster.wait(lambda: f'"{pool.name}"' in answer(), 10, "the right to call services")
    assert release.may("create", "services/any:80", None, "--as=someone", "--subresource=proxy")


# Metrics ------------------------------------------------------------------------------------------------------


def test_metrics_are_behind_their_service(release: Release, pool: InstalledPool) -> None:
    where = f"/api/v1/namespaces/{release.namespace}/services/{release.operator}-metrics:admin/proxy"
    labels = f'namespace="{pool.namespace}",pool="{pool.name}",reason="Ready"'

    def told() -> bool:
        text = release.kubectl("get", "--raw", f"{where}{names.PATH_METRICS}")
        return "tyrex_operator_leader 1.0" in text and f"tyrex_pool_ready{{{labels}}} 1.0" in text

    release.cluster.wait(told, 10, "the metrics of a ready pool")
