import pytest

from tyrex_pool.hosting.options import ServeOptions, ServerOptions, Trial
from tyrex_pool.hosting.serve import next_steps
from tyrex_pool.server.service import Address

OPTIONS = ServeOptions(ServerOptions("serve", Address("h", 1, 2)), "my pool.yaml", Trial("'ü' + 1", "bin/tyrex-pool"))


@pytest.mark.parametrize(
    ("stays", "first"),
    [
        pytest.param(True, ["Go on, from another terminal:"], id="the server stays"),
        pytest.param(
            False,
            ["Go on: serve it, and ask it from another terminal:", "  bin/tyrex-pool serve 'my pool.yaml'"],
            id="the server ends",
        ),
    ],
)
def test_the_commands_are_quoted_for_a_shell(stays: bool, first: list[str]) -> None:
    assert next_steps(OPTIONS, "http://h:1", stays).splitlines() == [
        *first,
        """  bin/tyrex-pool eval --url http://h:1 ''"'"'ü'"'"' + 1'""",
        """  curl http://h:1/v1/eval -H 'Content-Type: application/json' -d '{"code": "'"'"'ü'"'"' + 1"}'""",
    ]
