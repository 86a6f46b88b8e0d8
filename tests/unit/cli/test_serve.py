import pytest

from tests.unit.cli.parsing import parsed
from tyrex_pool.cli import serve
from tyrex_pool.hosting.options import ServeOptions, ServerOptions, Trial
from tyrex_pool.server.service import Address

SERVER = ServerOptions("serve", Address("127.0.0.1", 8080, 9090, True, True))


@pytest.mark.parametrize(
    ("words", "invoked", "options"),
    [
        pytest.param(["p.yaml"], "tyrex-pool", ServeOptions(SERVER, "p.yaml"), id="file"),
        pytest.param(
            ["p.yaml", "--port", "1"],
            "tyrex-pool",
            ServeOptions(ServerOptions("serve", Address("127.0.0.1", 1, 9090, False, True)), "p.yaml"),
            id="port",
        ),
        pytest.param(
            ["p.yaml", "--try", "1 + 2"],
            "/venv/bin/tyrex-pool",
            ServeOptions(SERVER, "p.yaml", Trial("1 + 2", "/venv/bin/tyrex-pool")),
            id="trial, with the program as it was invoked",
        ),
        pytest.param(
            ["p.yaml", "--try", "1"],
            "/site-packages/tyrex_pool/__main__.py",
            ServeOptions(SERVER, "p.yaml", Trial("1", "tyrex-pool")),
            id="trial, run as a module",
        ),
    ],
)
def test_options(words: list[str], invoked: str, options: ServeOptions) -> None:
    assert serve.options(parsed(serve, *words), invoked) == options
