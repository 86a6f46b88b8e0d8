"""The description at /v1/openapi.json: a real server answers as it says, to requests that it allows and others."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.local.problems import CONTRACT
from tests.local.running import RunningPool
from tyrex_pool.model import names
from tyrex_pool.server.openapi import openapi

SPEC: dict[str, Any] = {"size": 1}
_CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
_OF_OTHERS = {"unauthenticated", "forbidden"}
"""Errors of the contract that no request of an eval gets yet."""

schema = schemathesis.openapi.from_dict(openapi())


@schemathesis.serializer(*names.LANGUAGES, names.TYPE_LINES)
def code(_: Any, value: Any) -> bytes:
    """A body that is the code itself, or lines."""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


def test_it_is_served(pool: RunningPool) -> None:
    answer = pool.http.get(names.PATH_OPENAPI)
    assert (answer.status_code, answer.headers["content-type"]) == (200, names.TYPE_JSON)
    assert answer.json() == openapi()
    assert answer.json()["openapi"] == "3.1.0"


def test_it_has_every_error_of_an_eval() -> None:
    responses = openapi()["paths"][names.PATH_CALL]["post"]["responses"]
    for name, (status, _, _) in CONTRACT.items():
        assert name in _OF_OTHERS or f"`{name}`" in responses[str(status)]["description"], name


def test_the_examples_are_answered(pool: RunningPool) -> None:
    for path, operations in openapi()["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        for kind, media in content.items():
            example = media["example"]
            body = {"json": example} if kind == names.TYPE_JSON else {"content": example}
            assert pool.http.post(path, headers={"Content-Type": kind}, **body).status_code == 200


@schema.parametrize()
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_are_as_described(case: schemathesis.Case[Any], pool: RunningPool) -> None:
    """Also to requests that it does not allow; which of them are refused is for other tests."""
    answer = case.call_and_validate(base_url=str(pool.http.base_url), checks=_CHECKS)
    assert answer.status_code != 500
