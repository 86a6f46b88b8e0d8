"""The error table of the public contract, written down a second time on purpose, and what every problem must have."""

from typing import Any

import httpx

CONTRACT = {
    "execution_error": (422, "guest", False),
    "promise_rejection": (422, "guest", False),
    "conversion_error": (422, "guest", False),
    "heap_limit_error": (422, "guest", False),
    "cpu_limit_error": (422, "guest", False),
    "timeout": (504, "guest", False),
    "queue_timeout": (503, "platform", True),
    "overloaded": (503, "platform", True),
    "no_runtime": (503, "platform", True),
    "dead_runtime_error": (502, "platform", False),
    "strategy_error": (500, "platform", True),
    "invalid_request": (400, "caller", False),
    "unknown_function": (404, "caller", False),
    "payload_too_large": (413, "caller", False),
    "epoch_changed": (412, "caller", True),
}
"""name -> status, fault, retryable"""

MEMBERS = {"type", "title", "status", "detail", "name", "fault", "retryable"}


def problem(response: httpx.Response, name: str, fault: str | None = None, status: int | None = None) -> dict[str, Any]:
    """The problem document of `response`, which must be a `name` as the contract has it.

    `fault` and `status` where they are not those of the table. The guest's `value`, `stack` and
    `console` are the caller's to check.
    """
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    assert document["name"] == name, document
    usual_status, usual_fault, retryable = CONTRACT[name]
    assert response.status_code == document["status"] == (status or usual_status)
    assert document["fault"] == (fault or usual_fault), document
    assert document["retryable"] is retryable
    assert document["type"] == f"urn:tyrex:error:{name}"
    assert document["title"]
    assert document["detail"]
    assert set(document) - {"value", "stack", "console", "consoleTruncated"} == MEMBERS
    return document
