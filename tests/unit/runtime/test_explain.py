"""What Deno prints when it ends, in words of the manifest."""

import pytest

from tyrex_pool.runtime.causes import of_exit
from tyrex_pool.runtime.explain import explained

DENIED = 'error: Uncaught (in worker "") NotCapable: Requires net access to "a:80", run again with the --allow-net flag'
UNSTABLE = "Unstable API 'Worker.deno.permissions'. The `--unstable-worker-options` flag must be provided."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            DENIED,
            'error: Uncaught (in worker "") NotCapable: No net access to "a:80": spec.permissions.allow.net: ["a:80"]'
            " would grant it, unless deny.net covers it"
            ' (Deno: Requires net access to "a:80", run again with the --allow-net flag)',
            id="a permission",
        ),
        pytest.param(
            "Requires run access, run again with the --allow-run flag",
            'No run access: spec.permissions.allow.run: ["*"] would grant it, unless deny.run covers it'
            " (Deno: Requires run access, run again with the --allow-run flag)",
            id="all of a kind",
        ),
        pytest.param(
            UNSTABLE,
            "error: Worker.deno.permissions is an unstable feature of Deno, and pools have none of these"
            f" (Deno: {UNSTABLE})",
            id="an unstable feature",
        ),
        pytest.param(
            "error: invalid host 'a b': invalid char found in FQDN",
            "error: Deno does not take an entry of spec.permissions: invalid host 'a b': invalid char found in FQDN",
            id="an entry",
        ),
        pytest.param("error: invalid", "error: invalid", id="something else that is invalid"),
        pytest.param("hello", "hello", id="other text"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_explained(line: str, said: str) -> None:
    assert explained(["before", line]) == ["before", said]


def test_without_a_backtrace() -> None:
    assert explained(["error: x", "Stack backtrace:", "   0: <unknown>"]) == ["error: x"]
    assert explained([]) == []


def test_long_lines_of_guests_are_not_searched() -> None:
    line = DENIED + "x" * 4_096
    assert explained([line]) == [line]


def test_in_the_cause_of_an_end() -> None:
    assert "No net access" in of_exit(1, ["bye", DENIED], True).detail
    assert of_exit(1, ["bye", DENIED], False).detail == "the isolate exited with status 1", "an earlier eval's, maybe"
    for starting in (True, False):
        assert "an unstable feature" in of_exit(70, [UNSTABLE], starting).detail
