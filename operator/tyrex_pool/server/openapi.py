"""The OpenAPI description of the pool's HTTP interface, from the types that parse requests and the table of errors."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tyrex_pool.model import names
from tyrex_pool.model.console import ConsoleLine
from tyrex_pool.model.errors import (
    ERRORS,
    EpochChanged,
    GuestError,
    InvalidRequest,
    PayloadTooLarge,
    PlatformError,
    TyrexError,
    UnknownFunction,
)
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.model.wire import CallRequest, EvalRequest
from tyrex_pool.pool.view import ExplainView
from tyrex_pool.resources import version

_SCHEMAS: Final = "#/components/schemas/"
_TEXT: Final = {"schema": {"type": "string"}}
_OF_EVALS: Final = (GuestError, PlatformError, EpochChanged, InvalidRequest, PayloadTooLarge)
_OF_HTTP: Final = {
    403: "a web page of another site sent it",
    408: "the request did not come whole in time",
    415: "the body is of another type, or encoded",
    421: "the Host is not this server",
}
"""Problems of a request to any path, before it is an eval: docs/http.md has them all."""
_CODE: Final = "1 + 2"


def openapi() -> dict[str, Any]:
    """The document, OpenAPI 3.1, of this version."""
    types = (EvalRequest, CallRequest, PoolView, ExplainView, ConsoleLine)
    kinds, schemas = msgspec.json.schema_components(types, ref_template=_SCHEMAS + "{name}")
    for schema in schemas.values():
        schema.pop("description", None)  # they speak to readers of Python
    work, call, pool, explain, line = kinds
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tyrex.Pool",
            "version": version() or "0",
            "description": "Evaluates JavaScript and TypeScript in a pool of Deno runtimes.",
        },
        "paths": {
            names.PATH_EVAL: {"post": _eval(work)},
            names.PATH_CALL: {"post": _call(call)},
            names.PATH_BATCH: {"post": _batch()},
            names.PATH_POOL: {"get": _get("getPool", "The pool as this server sees it", pool)},
            names.PATH_EXPLAIN: {"get": _explain(explain)},
            names.PATH_OPENAPI: {"get": _get("getDescription", "This description", {"type": "object"})},
        },
        "components": {
            "schemas": {**schemas, "Result": _result(line), "Problem": _problem(line)},
            "headers": _HEADERS,
        },
    }


def _eval(body: object) -> dict[str, Any]:
    content = {names.TYPE_JSON: {"schema": body, "example": {"code": _CODE}}}
    content |= {kind: _TEXT | {"example": _CODE} for kind in names.LANGUAGES}
    return {
        "operationId": "eval",
        "summary": "Evaluate code",
        "parameters": [
            _header(names.HEADER_KEY, "`key`, for a body that is the code itself", {"type": "string"}),
            _header(
                names.HEADER_TIMEOUT, "`timeoutMs`, likewise; the smaller one holds", {"type": "integer", "minimum": 1}
            ),
        ],
        "requestBody": {"required": True, "content": content},
        "responses": _answers(_OF_EVALS),
    }


def _call(body: object) -> dict[str, Any]:
    example = {"function": "Math.max", "args": [1, 5, 3]}
    return {
        "operationId": "call",
        "summary": "Call a function by its name",
        "requestBody": {"required": True, "content": {names.TYPE_JSON: {"schema": body, "example": example}}},
        "responses": _answers((*_OF_EVALS, UnknownFunction)),
    }


def _batch() -> dict[str, Any]:
    lines = f'{{"code": "{_CODE}"}}\n{{"function": "Math.max", "args": [1, 5]}}\n'
    answers = {"description": "A line for each, as it finishes", "content": {names.TYPE_LINES: _TEXT}}
    return {
        "operationId": "batch",
        "summary": "Evaluate many: an EvalRequest or a CallRequest in each line",
        "parameters": [_header(names.HEADER_KEY, "`key` of lines without one", {"type": "string"})],
        "requestBody": {"required": True, "content": {names.TYPE_LINES: _TEXT | {"example": lines}}},
        "responses": {"200": answers, **_problems((InvalidRequest,))},
    }


def _explain(schema: object) -> dict[str, Any]:
    key = {"name": "key", "in": "query", "description": "As an eval has it", "schema": {"type": "string"}}
    return _get("explain", "Which runtime would serve a key now, and why", schema) | {"parameters": [key]}


def _get(name: str, summary: str, schema: object) -> dict[str, Any]:
    answer = {"description": summary, "content": {names.TYPE_JSON: {"schema": schema}}}
    return {"operationId": name, "summary": summary, "responses": {"200": answer, **_problems(())}}


def _answers(kinds: tuple[type[TyrexError], ...]) -> dict[str, Any]:
    """The answers to an eval, which may fail with the errors of these classes."""
    result = {
        "description": "The result",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS},
        "content": {names.TYPE_JSON: {"schema": {"$ref": f"{_SCHEMAS}Result"}}},
    }
    return {"200": result, **_problems(ERRORS[name] for name in ERRORS if issubclass(ERRORS[name], kinds))}


def _problems(errors: Iterable[type[TyrexError]]) -> dict[str, Any]:
    said: dict[int, list[str]] = defaultdict(list)
    for status, reason in _OF_HTTP.items():
        said[status].append(reason)
    for error in errors:
        said[error.status].append(f"`{error.name}`: {error.title}")
    content = {names.TYPE_PROBLEM: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {
        str(status): {"description": "; ".join(reasons), "content": content} for status, reasons in sorted(said.items())
    }


def _header(name: str, description: str, schema: object) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _console(line: object) -> dict[str, Any]:
    return {
        "console": {"type": "array", "items": line, "description": "What the eval printed, if that was asked for"},
        "consoleTruncated": {"const": True, "description": "More was printed"},
    }


def _result(line: object) -> dict[str, Any]:
    return {"type": "object", "required": ["result"], "properties": {"result": {}, **_console(line)}}


def _problem(line: object) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "detail", "name", "fault", "retryable"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "name": {"type": "string", "description": "Stable; one of those of the answers, or of the request itself"},
            "fault": {"enum": ["guest", "caller", "platform"]},
            "retryable": {"type": "boolean", "description": "The eval certainly never started"},
            "stack": {"type": "string"},
            "value": {"description": "What a guest threw, as JSON"},
            **_console(line),
        },
    }


_HEADERS: Final = {
    names.HEADER_RUNTIME: {"description": "The runtime that ran it", **_TEXT},
    names.HEADER_EPOCH: {"description": "Another one: its state is gone", "schema": {"type": "integer"}},
    names.HEADER_EVAL: {"description": "The id of the eval, as in the log", **_TEXT},
    names.HEADER_SERVER_TIMING: {"description": "How long it waited and ran, in ms", **_TEXT},
}
