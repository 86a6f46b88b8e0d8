from typing import Any

import pytest

from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.supported import require_supported


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param({"isolation": "PerEval"}, "spec.isolation", id="isolation"),
        pytest.param({"access": {"authentication": "ServiceAccount"}}, "spec.access.authentication", id="access"),
    ],
)
def test_what_is_not_built_yet_is_refused(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        require_supported(PoolSpec.parse(raw))
    assert refused.value.path == path


@pytest.mark.parametrize("raw", [{}, {"recycle": {"maxEvals": 1}}])
def test_all_else_is_not(raw: dict[str, Any]) -> None:
    require_supported(PoolSpec.parse(raw))
