"""The model of kstatus that other tests rely on does what kstatus documents."""

from typing import Any

import pytest

from tests.kstatus import kstatus, waits


def item(generation: int = 2, observed: int | None = 2, deleted: bool = False, **conditions: str) -> dict[str, Any]:
    status: dict[str, Any] = {"conditions": [{"type": kind, "status": said} for kind, said in conditions.items()]}
    if observed is not None:
        status["observedGeneration"] = observed
    return {"metadata": {"generation": generation} | ({"deletionTimestamp": "x"} if deleted else {}), "status": status}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param({"metadata": {"generation": 1}}, "Current", id="no status"),
        pytest.param(item(), "Current", id="no condition"),
        pytest.param(item(Ready="True"), "Current", id="ready"),
        pytest.param(item(Ready="False"), "InProgress", id="not ready"),
        pytest.param(item(Ready="Unknown"), "InProgress", id="unknown"),
        pytest.param(item(Ready="True", Stalled="True"), "Failed", id="stalled wins over ready"),
        pytest.param(item(Ready="False", Stalled="False"), "InProgress", id="not stalled"),
        pytest.param(item(Ready="False", Stalled="Unknown"), "InProgress", id="maybe stalled"),
        pytest.param(item(Reconciling="True", Stalled="True"), "InProgress", id="the first of both"),
        pytest.param(item(Stalled="True", Reconciling="True"), "Failed", id="the first of both, in the other order"),
        pytest.param(item(observed=1, Ready="True"), "InProgress", id="an older generation"),
        pytest.param(item(observed=1, Stalled="True"), "InProgress", id="stalled at an older generation"),
        pytest.param(item(observed=None, Ready="True"), "Current", id="no observed generation"),
        pytest.param(item(deleted=True, Ready="True"), "Terminating", id="deleted"),
    ],
)
def test_kstatus(one: dict[str, Any], expected: str) -> None:
    assert kstatus(one) == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(item(Ready="True"), False, id="true"),
        pytest.param(item(Ready="False"), True, id="false"),
        pytest.param(item(Available="True"), True, id="another"),
        pytest.param(item(observed=1, Ready="True"), True, id="about an older generation"),
        pytest.param({"metadata": {}}, True, id="no status"),
    ],
)
def test_kubectl_wait(one: dict[str, Any], expected: bool) -> None:
    assert waits(one, "ready") is expected
