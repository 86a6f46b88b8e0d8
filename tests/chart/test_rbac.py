"""Who may do what."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from tests.chart.helm import FULLNAME, NAMESPACE, OPERATOR, Helm, Object, Rendered
from tyrex_pool.model import kinds, names
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.plan.children import desired
from tyrex_pool.plan.declared_pool import DeclaredPool, Platform

REMOVAL = f"{FULLNAME}-remove-pools"
SUBJECT = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE}
IN_NAMESPACES = {"scope": "Namespaces", "watchNamespaces": ["web", "jobs"]}


class Right(NamedTuple):
    group: str
    resource: str
    verb: str


def rights(role: Object) -> set[Right]:
    return {
        Right(group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def roles(rendered: Rendered) -> Iterator[Object]:
    yield from rendered.of("Role")
    yield from rendered.of("ClusterRole")


@pytest.mark.parametrize("values", [{}, IN_NAMESPACES], ids=["cluster", "namespaces"])
def test_no_wildcard(helm: Helm, values: Object) -> None:
    for role in roles(helm.render(values)):
        assert [right for right in rights(role) if "*" in right] == [], role["metadata"]["name"]


def test_cluster_wide(helm: Helm) -> None:
    rendered = helm.render({"rbac": {"userRoles": False}})
    assert [role["metadata"]["name"] for role in rendered.of("ClusterRole")] == [OPERATOR]
    binding = rendered.one("ClusterRoleBinding")
    assert (binding["roleRef"]["name"], binding["subjects"]) == (OPERATOR, [SUBJECT])
    roles = [role["metadata"]["name"] for role in rendered.of("Role")]
    assert roles == [f"{OPERATOR}-lease", f"{OPERATOR}-readers", REMOVAL]


def test_in_namespaces_nothing_is_cluster_wide(helm: Helm) -> None:
    rendered = helm.render({**IN_NAMESPACES, "rbac": {"userRoles": False}})
    assert rendered.of("ClusterRole") == rendered.of("ClusterRoleBinding") == []
    for kind in ("Role", "RoleBinding"):
        found = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in rendered.of(kind)}
        own = {(NAMESPACE, name) for name in (f"{OPERATOR}-lease", f"{OPERATOR}-readers", REMOVAL)}
        assert found == {("web", OPERATOR), ("jobs", OPERATOR)} | own
    for binding in rendered.of("RoleBinding"):
        assert binding["subjects"] == [SUBJECT] or binding["metadata"]["name"] == f"{OPERATOR}-readers"
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]


def test_both_scopes_give_the_same_rights(helm: Helm) -> None:
    (everywhere,) = helm.render().of("ClusterRole", OPERATOR)
    for role in helm.render(IN_NAMESPACES).of("Role", OPERATOR):
        assert role["rules"] == everywhere["rules"]


def test_the_operator_reads_no_secrets(helm: Helm) -> None:
    resources = {right.resource for role in roles(helm.render()) for right in rights(role)}
    assert "secrets" not in resources
    assert not any(resource.startswith("pods/") for resource in resources)


def test_one_lease(helm: Helm) -> None:
    """A right to create cannot be bound to a name; the others are."""
    rendered = helm.render()
    use, create = rendered.one("Role", f"{OPERATOR}-lease")["rules"]
    assert (use["resources"], use["resourceNames"]) == (["leases"], [rendered.one("Lease")["metadata"]["name"]])
    assert (create["resources"], create["verbs"]) == (["leases"], ["create"])


def test_the_hook_reads_itself_and_its_operator(helm: Helm) -> None:
    rules = helm.render().one("Role", REMOVAL)["rules"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in rules] == [
        (["jobs"], [REMOVAL], ["get"]),
        (["deployments"], [OPERATOR], ["get"]),
    ]
    assert not helm.render({"uninstall": {"pools": "Keep"}}).of("Role", REMOVAL)


def test_other_operators_see_whether_this_one_lives_and_nothing_else(helm: Helm) -> None:
    rendered = helm.render(IN_NAMESPACES)
    (rule,) = rendered.one("Role", f"{OPERATOR}-readers")["rules"]
    lease = rendered.one("Lease")["metadata"]["name"]
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["leases"], [lease], ["get"])
    (subject,) = rendered.one("RoleBinding", f"{OPERATOR}-readers")["subjects"]
    assert (subject["kind"], subject["name"]) == ("Group", "system:serviceaccounts")


@pytest.mark.parametrize(
    ("role", "aggregated", "verbs"),
    [
        pytest.param("viewer", {"view", "edit", "admin"}, {"get", "list", "watch"}, id="viewer"),
        pytest.param(
            "editor",
            {"edit", "admin"},
            {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"},
            id="editor",
        ),
        pytest.param("caller", set(), {"get", "list"}, id="caller"),
    ],
)
def test_roles_for_people(helm: Helm, role: str, aggregated: set[str], verbs: set[str]) -> None:
    found = helm.render().one("ClusterRole", f"{FULLNAME}-{role}")
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    assert {key.removeprefix(prefix) for key in found["metadata"]["labels"] if key.startswith(prefix)} == aggregated
    assert {right.verb for right in rights(found) if right.resource == names.PLURAL} == verbs


def test_only_callers_reach_services(helm: Helm) -> None:
    proxying = [
        role["metadata"]["name"]
        for role in roles(helm.render())
        if any(right.resource == "services/proxy" for right in rights(role))
    ]
    assert proxying == [f"{FULLNAME}-caller"]


GRANTED = yaml.safe_load(
    """
    strategy:
      type: Custom
      custom: {configMap: {name: strategies, key: strategy.py}, class: Weighted}
    """
)


def test_the_operator_holds_what_it_grants(helm: Helm) -> None:
    """Else the API server refuses the Role of a pool's proxies."""
    pool = DeclaredPool("p", "web", "uid", PoolSpec.parse(GRANTED), {})
    children = desired(pool, Platform("runtime", "proxy"))
    (granted,) = (rights(child) for child in children.values() if child is not None and child["kind"] == "Role")
    assert granted <= rights(helm.render().one("ClusterRole", OPERATOR))


def test_the_operator_may_write_every_kind_of_child(helm: Helm) -> None:
    held = rights(helm.render().one("ClusterRole", OPERATOR))
    for kind in kinds.CHILDREN:
        group = kind.api_version.rpartition("/")[0]
        assert {right.verb for right in held if (right.group, right.resource) == (group, kind.plural)} == {
            "get", "list", "watch", "create", "patch", "delete",
        }  # fmt: skip


def test_pools_let_the_operator_in(helm: Helm) -> None:
    """Their NetworkPolicy knows it by its namespace and labels."""
    pool = DeclaredPool("p", "web", "uid", PoolSpec(), {})
    children = desired(pool, Platform("runtime", "proxy", operator_namespace=NAMESPACE)).values()
    (policy,) = (c for c in children if c and c["kind"] == "NetworkPolicy" and c["metadata"]["name"] == "p-proxy")
    (operator,) = (
        peer["podSelector"]["matchLabels"]
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        if peer.get("namespaceSelector", {}).get("matchLabels")
    )
    pods = helm.render().one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert operator.items() <= pods.items()
