"""No permission contains the inspector: a guest that debugs its own process could rewrite the answers of others."""

from typing import Any

import pytest

from tests.local.conftest import Start
from tests.local.others import check_others
from tests.local.problems import problem

GRANTED = [
    pytest.param({"allow": {"sys": ["*"]}}, id="all of sys"),
    pytest.param({"allow": {"sys": ["inspector", "hostname"]}}, id="the inspector by name"),
    pytest.param({"allow": {"sys": ["*"], "net": ["*"]}}, id="sys and net"),
    pytest.param({"default": "AllowAll"}, id="AllowAll"),
    pytest.param({"default": "AllowAll", "deny": {"net": ["10.0.0.0/8"]}}, id="AllowAll but an address"),
]
CONNECT = "new inspector.Session().connect(); return 'connected'"
ATTEMPTS = [
    f"import('node:inspector').then((inspector) => {{ {CONNECT} }})",
    f"import('node:inspector/promises').then((inspector) => {{ {CONNECT} }})",
    f"import('inspector').then((inspector) => {{ {CONNECT} }})",
    f"(() => {{ const inspector = process.getBuiltinModule('node:inspector'); {CONNECT} }})()",
    f"import('node:module').then((m) => {{ const inspector = m.createRequire('file:///a')('inspector'); {CONNECT} }})",
    "import('node:inspector').then((i) => { new i.Session().connectToMainThread(); return 'connected' })",
    "import('node:inspector').then((i) => { i.open(0); return i.url() })",
    "import('node:inspector').then((i) => { i.open(0, '127.0.0.1', false); return i.url() })",
]


@pytest.mark.parametrize("permissions", GRANTED)
def test_the_inspector_is_never_granted(start: Start, permissions: dict[str, Any]) -> None:
    pool = start(size=1, permissions=permissions)
    epochs = pool.epochs()
    for attempt in ATTEMPTS:
        answer = pool.post(attempt)
        assert answer.status_code == 422, attempt
        problem(answer, answer.json()["name"], "guest")
        assert pool.eval("1 + 1") == 2
    assert pool.epochs() == epochs
    check_others(pool)


@pytest.mark.parametrize("permissions", GRANTED)
def test_the_rest_of_sys_is_granted(start: Start, permissions: dict[str, Any]) -> None:
    assert start(size=1, permissions=permissions).eval("typeof Deno.hostname()") == "string"
