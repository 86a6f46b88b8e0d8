"""How pods are replaced, evicted and reached: numbers and percentages, and what excludes each other."""

from typing import Any

import pytest

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.schema import unconvert
from tyrex_pool.model.shares import parse_share
from tyrex_pool.model.spec import PoolSpec


@pytest.mark.parametrize("share", [0, 1, 1000, "0%", "7%", "25%", "100%"])
def test_a_share_is_written_as_it_was_read(share: int | str) -> None:
    assert parse_share(share).wire == share


@pytest.mark.parametrize("share", [-1, 1001, "1", "101%", "25", "%", "025%", "2.5%", 1.5, True, None, [], "25%\n"])
def test_no_share(share: object) -> None:
    with pytest.raises(ValueError, match="write a number of pods from 0 to 1000, such as 1, or a percentage"):
        parse_share(share)


@pytest.mark.parametrize(
    "rollout",
    [
        pytest.param({}, id="ours"),
        pytest.param({"maxSurge": 0, "maxUnavailable": 1}, id="no surge"),
        pytest.param({"maxSurge": "0%", "maxUnavailable": "10%"}, id="no surge, in percent"),
        pytest.param({"maxUnavailable": 0}, id="nothing missing"),
        pytest.param({"maxSurge": 5, "maxUnavailable": "50%"}, id="both"),
    ],
)
@pytest.mark.parametrize("component", ["runtime", "proxy"])
def test_rollouts(component: str, rollout: dict[str, Any]) -> None:
    assert unconvert(PoolSpec.parse({component: {"rollout": rollout}}))[component]["rollout"] == rollout


@pytest.mark.parametrize(
    ("part", "path", "problem"),
    [
        pytest.param({"rollout": {"maxSurge": 0}}, "rollout.maxUnavailable", "write 1 or more", id="nothing moves"),
        pytest.param(
            {"rollout": {"maxSurge": "0%", "maxUnavailable": 0}}, "rollout.maxUnavailable", "could be", id="nor here"
        ),
        pytest.param({"rollout": {"maxSurge": "1"}}, "rollout.maxSurge", 'to 100%, not "1"', id="text"),
        pytest.param({"rollout": {"maxUnavailable": -1}}, "rollout.maxUnavailable", "from 0 to 1000", id="negative"),
        pytest.param({"rollout": {"surge": 1}}, "rollout.surge", "one of maxSurge, maxUnavailable", id="unknown"),
        pytest.param({"disruptionBudget": {"enabled": "no"}}, "disruptionBudget.enabled", "true or", id="no bool"),
        pytest.param(
            {"disruptionBudget": {"maxUnavailable": "200%"}}, "disruptionBudget.maxUnavailable", "100%", id="too much"
        ),
        pytest.param({"disruptionBudget": {"minAvailable": 1}}, "disruptionBudget.minAvailable", "unknown", id="other"),
        pytest.param({"podMetadata": {"label": {}}}, "podMetadata.label", "did you mean labels?", id="misspelled"),
    ],
)
@pytest.mark.parametrize("component", ["runtime", "proxy"])
def test_refused(component: str, part: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        PoolSpec.parse({component: part})
    assert refused.value.path == f"spec.{component}.{path}"
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("service", "path", "problem"),
    [
        pytest.param({"type": "ExternalName"}, "type", "one of ClusterIP, LoadBalancer, NodePort", id="type"),
        pytest.param({"type": "loadBalancer"}, "type", "did you mean LoadBalancer?", id="case"),
        pytest.param({"labels": {"tyrex.dev/pool": "q"}}, "labels[tyrex.dev/pool]", "another key", id="own label"),
        pytest.param({"port": 8080}, "port", "unknown field", id="port"),
    ],
)
def test_refused_services(service: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        PoolSpec.parse({"proxy": {"service": service}})
    assert refused.value.path == f"spec.proxy.service.{path}"
    assert problem in refused.value.problem


def test_only_proxies_have_a_service() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.runtime\.service: unknown field"):
        PoolSpec.parse({"runtime": {"service": {}}})
