"""What a pool does not own is left alone; and pools of one name that follow each other lose nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cluster.audit import Write, now, writes
from tests.cluster.caller import Caller
from tests.cluster.cluster import Images
from tests.cluster.installed import MakePool
from tests.cluster.load import load
from tests.cluster.pods import restricted_pod
from tests.cluster.pools import OPERATOR_NAMESPACE, RESOURCE, InstalledPool, manifest
from tyrex_pool.model import names

Object = dict[str, Any]
SMALL = {"size": 1, "proxy": {"replicas": 1}, "timeouts": {"drain": "1s"}}
IN_TIME = 20
"""Seconds for a deletion: less than its deadline with the time that a pod takes to end by itself."""
REST = timedelta(seconds=10)
KINDS = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets"
pytestmark = pytest.mark.slow


def test_a_pod_of_somebody_else_with_the_pool_s_label_stays(pool: MakePool, images: Images) -> None:
    going = pool("p", SMALL)
    for component in (names.COMPONENT_PROXY, names.COMPONENT_RUNTIME):
        labels = {names.LABEL_POOL: "p", names.LABEL_COMPONENT: component}
        sleep = ["python3", "-c", "import signal; signal.sigwait([])"]
        stranger = restricted_pod(f"mine-{component}", going.namespace, images.operator, sleep, labels=labels)
        going.cluster.apply(json.dumps(stranger))
        going.kubectl("wait", f"pod/mine-{component}", "--for=jsonpath={.status.phase}=Running", "--timeout=60s")
    delete(going)
    left = json.loads(going.kubectl("get", "pods", "--output=json"))["items"]
    assert {pod["metadata"]["name"] for pod in left} >= {"mine-proxy", "mine-runtime"}
    for pod in left:
        if pod["metadata"]["name"].startswith("mine-"):
            assert "deletionTimestamp" not in pod["metadata"]
            assert pod["status"]["phase"] == "Running"


@pytest.mark.parametrize("component", [names.COMPONENT_PROXY, names.COMPONENT_RUNTIME])
def test_a_failed_pod_does_not_hold_up_the_deletion_and_no_pod_is_killed(pool: MakePool, component: str) -> None:
    """As an eviction leaves it. A node ends a pod in the same way whose deadline has passed."""
    going = pool("p", SMALL)
    (failed,) = going.pod_names(component)
    going.kubectl("patch", "pod", failed, "--type=merge", '--patch={"spec":{"activeDeadlineSeconds":1}}')
    going.kubectl("wait", f"pod/{failed}", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
    going.wait_ready()
    since = now()
    delete(going)
    if going.cluster.audit_log is not None:
        pods = [one for one in by_operator(going, since) if one.resource == "pods"]
        assert pods == [], "the Deployments' controllers delete pods, the operator only those that do not end"


def test_orphans_stay_and_are_adopted_by_a_pool_of_the_same_name(pool: MakePool, caller: Caller) -> None:
    first = pool("p", SMALL)
    before = first.restarts()
    with load(caller, first) as found:
        delete(first, "--cascade=orphan")
        assert first.restarts() == before
        owners = [item["metadata"].get("ownerReferences") for item in children(first)]
        assert len(owners) == 10
        assert set(map(str, owners)) == {"None"}
        second = pool("p", SMALL)
        assert second.restarts() == before
    found.assert_flawless()
    uid = second.read()["metadata"]["uid"]
    assert {owner_uids(item) for item in children(second)} == {(uid,)}
    assert_at_rest(second)


def test_orphans_stay_when_no_operator_ran_meanwhile(pool: MakePool, operator: str) -> None:
    from tests.cluster.operators import Operators

    first = pool("p", SMALL)
    before = first.restarts()
    with Operators(first.cluster, operator).scaled(0):
        first.kubectl("delete", RESOURCE, "p", "--cascade=orphan", "--wait=false")
        first.cluster.wait(lambda: first.read()["metadata"]["finalizers"] == [names.FINALIZER], 30, "Kubernetes to end")
    first.cluster.wait(lambda: gone(first), IN_TIME, "the pool to go")
    assert first.restarts() == before


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(("delete", RESOURCE, "p", "--timeout=60s"), id="deleted"),
        pytest.param(("delete", RESOURCE, "p", "--timeout=60s", "--cascade=foreground"), id="in the foreground"),
        pytest.param(
            ("patch", RESOURCE, "p", "--type=merge", '--patch={"metadata":{"finalizers":null}}'), id="without finalizer"
        ),
    ],
)
def test_deleted_and_applied_again_at_once(pool: MakePool, caller: Caller, how: tuple[str, ...]) -> None:
    first = pool("p", SMALL)
    uid = first.read()["metadata"]["uid"]
    first.kubectl(*how)
    if how[0] == "patch":
        first.kubectl("delete", RESOURCE, "p", "--wait=false", "--ignore-not-found")
        first.cluster.wait(lambda: gone(first) or "deletionTimestamp" in first.read()["metadata"], 10, "the deletion")
        first.cluster.wait(lambda: gone(first), IN_TIME, "the former one to go")
    second = pool("p", SMALL)
    assert second.read()["metadata"]["uid"] != uid
    caller.forget(second)
    assert caller.eval(second, "6 * 7") == 42
    assert_at_rest(second)


def test_applied_while_it_is_still_going_it_ends_and_can_be_applied_again(pool: MakePool) -> None:
    first = pool("p", SMALL)
    first.kubectl("delete", RESOURCE, "p", "--wait=false")
    first.cluster.apply(manifest("p", {**SMALL, "size": 2}, first.namespace))
    first.cluster.wait(lambda: gone(first), IN_TIME, "the former one to go")
    second = pool("p", {**SMALL, "size": 2})
    assert len(second.pods(names.COMPONENT_RUNTIME)) == 2
    assert_at_rest(second)


@pytest.mark.parametrize("order", ["pool first", "children first"])
def test_restored_from_a_backup(pool: MakePool, caller: Caller, order: str) -> None:
    """`kubectl get -o yaml` of the pool and all its children, as many backups are made: with the finalizer, the status
    and the references to an owner of a former UID.
    """
    first = pool("p", SMALL)
    backup = [first.read(), *children(first)]
    if order == "children first":
        backup.reverse()
    delete(first)
    for item in backup:
        item["metadata"].pop("resourceVersion")
        first.kubectl("create", "--filename=-", input=json.dumps(item), check=False)  # some are there already
    restored = InstalledPool(first.cluster, first.namespace, "p")
    restored.wait_ready()
    settle(restored)
    caller.forget(restored)
    assert caller.eval(restored, "6 * 7") == 42
    uid = restored.read()["metadata"]["uid"]
    assert uid != backup[0]["metadata"]["uid"]
    assert {owner_uids(item) for item in children(restored)} == {(uid,)}
    assert_at_rest(restored)


def delete(pool: InstalledPool, *options: str) -> None:
    pool.kubectl("delete", RESOURCE, pool.name, f"--timeout={IN_TIME}s", *options)


def gone(pool: InstalledPool) -> bool:
    return not pool.kubectl("get", RESOURCE, pool.name, "--ignore-not-found", "--output=name")


def children(pool: InstalledPool) -> list[Object]:
    found = pool.kubectl("get", KINDS, f"--selector={names.selector(pool.name)}", "--output=json")
    items: list[Object] = json.loads(found)["items"]
    return items


def owner_uids(item: Object) -> tuple[str, ...]:
    return tuple(owner["uid"] for owner in item["metadata"].get("ownerReferences", ()))


def settle(pool: InstalledPool) -> None:
    """Until the garbage collector has made up its mind: nothing refers to an owner that is gone."""
    uid = pool.read()["metadata"]["uid"]
    complete: Callable[[], bool] = lambda: [owner_uids(item) for item in children(pool)] == [(uid,)] * 10  # noqa: E731
    pool.cluster.wait(complete, 60, "all children, of the new pool")
    pool.wait_ready()


def by_operator(pool: InstalledPool, since: Any) -> list[Write]:
    """What the operator wrote in the pool's namespace."""
    assert pool.cluster.audit_log is not None
    account = f"system:serviceaccount:{OPERATOR_NAMESPACE}:"
    found = writes(pool.cluster.audit_log, since)
    return [one for one in found if one.user.startswith(account) and one.name.startswith(f"{pool.namespace}/")]


def assert_at_rest(pool: InstalledPool) -> None:
    """It is Ready, and costs less than one write a second."""
    pool.wait_ready()
    if pool.cluster.audit_log is None:
        return
    since = now()
    pool.cluster.wait(lambda: now() >= since + REST, 30, "some seconds to pass")
    found = by_operator(pool, since)
    assert len(found) < REST.total_seconds(), found
