"""The contract's error table (errors.json) and the exception classes are the same table."""

import json
from pathlib import Path
from typing import Any

import pytest

import tyrex_pool
from tyrex_pool.model import errors
from tyrex_pool.model.errors import ERRORS, CallerError, GuestError, PlatformError, TyrexError
from tyrex_pool.model.wire import from_problem, problem

TABLE: list[dict[str, Any]] = json.loads(Path(__file__).with_name("errors.json").read_text("utf-8"))
ROWS = [pytest.param(row, id=row["name"]) for row in TABLE]
FAMILIES = {"guest": GuestError, "caller": CallerError, "platform": PlatformError}


def leaves(kind: type[TyrexError]) -> list[type[TyrexError]]:
    """The classes with a name of their own; those below InvalidRequest have none."""
    below = [one for one in kind.__subclasses__() if one not in (errors.WrongType, errors.WrongContentType)]
    return [leaf for one in below for leaf in leaves(one)] if below else [kind]


def test_the_table_and_the_classes_are_the_same() -> None:
    classes = [kind for kind in leaves(TyrexError) if kind.__module__ == errors.__name__]
    shown = [
        {"name": kind.name, "status": kind.status, "fault": kind.fault, "retryable": kind.retryable} for kind in classes
    ]
    assert sorted(shown, key=str) == sorted(TABLE, key=str)
    assert {kind.name: kind for kind in classes} == ERRORS


def test_a_wrong_type_travels_as_what_it_is_for_callers() -> None:
    wrong = errors.WrongType("key: write a str")
    assert isinstance(wrong, TypeError)
    assert problem(wrong) == problem(errors.InvalidRequest("key: write a str"))


@pytest.mark.parametrize("row", ROWS)
def test_a_class_belongs_to_its_fault_and_is_public(row: dict[str, Any]) -> None:
    kind = ERRORS[row["name"]]
    assert issubclass(kind, FAMILIES[row["fault"]])
    assert getattr(tyrex_pool, kind.__name__) is kind
    assert kind().detail == kind.title


@pytest.mark.parametrize("row", ROWS)
def test_a_row_travels(row: dict[str, Any]) -> None:
    body = problem(ERRORS[row["name"]]("why"))
    assert {**row, "detail": "why"}.items() <= json.loads(body).items()
    error = from_problem(row["status"], body)
    assert (type(error), error.detail, error.fault) == (ERRORS[row["name"]], "why", row["fault"])


def test_only_platform_errors_and_a_lost_session_are_retryable() -> None:
    assert {row["fault"] for row in TABLE if row["retryable"] and row["name"] != "epoch_changed"} == {"platform"}
