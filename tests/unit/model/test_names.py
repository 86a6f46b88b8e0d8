from collections.abc import Callable

import pytest

from tyrex_pool.model import names

CHILDREN = [names.proxy_service, names.proxy_deployment, names.runtime_service, names.runtime_deployment]


def test_what_users_see() -> None:
    assert names.API_VERSION == "tyrex.dev/v1alpha1"
    assert names.CRD_NAME == "tyrexpools.tyrex.dev"
    assert names.FINALIZER == "tyrex.dev/cleanup"
    assert names.runtime_name("render", 0) == "render-0"
    assert names.service_host("render", "web") == "render.web.svc"
    assert names.error_type("timeout") == "urn:tyrex:error:timeout"


def test_children_are_named_after_the_pool() -> None:
    assert [child("render") for child in CHILDREN] == [
        "render", "render-proxy", "render-runtime", "render-runtime"
    ]  # fmt: skip


@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("length", [54, 55, 56, 57, 63])
def test_names_fit_a_label_and_stay_apart(child: Callable[[str], str], length: int) -> None:
    one, other = "a" * (length - 1) + "b", "a" * (length - 1) + "c"
    assert len(child(one)) <= 63
    assert child(one) != child(other)


def test_a_cut_name_has_no_double_dash() -> None:
    assert "--" not in names.proxy_deployment("a" * 47 + "-" * 15 + "b")
