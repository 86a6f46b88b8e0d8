import pytest

from tests.unit.cli.parsing import parsed
from tyrex_pool.cli import agent
from tyrex_pool.hosting.options import AgentOptions, ServerOptions
from tyrex_pool.model import names
from tyrex_pool.server.service import Address

SERVER = ServerOptions("agent", Address("0.0.0.0", 8080, 9090))


@pytest.mark.parametrize(
    ("words", "environment", "options"),
    [
        pytest.param(["p.yaml"], {}, AgentOptions(SERVER, "p.yaml"), id="file"),
        pytest.param(
            ["p.yaml"],
            {names.RUNTIME_NAME_VARIABLE: "web-7", names.SPEC_HASH_VARIABLE: "abc"},
            AgentOptions(SERVER, "p.yaml", "web-7", "abc"),
            id="in a pod",
        ),
        pytest.param(
            ["p.yaml", "--name", "mine"],
            {names.RUNTIME_NAME_VARIABLE: "web-7"},
            AgentOptions(SERVER, "p.yaml", "mine"),
            id="the option before the variable",
        ),
        pytest.param(["p.yaml"], {names.RUNTIME_NAME_VARIABLE: ""}, AgentOptions(SERVER, "p.yaml"), id="empty"),
        pytest.param(
            ["p.yaml", "--socket", "/run/a"],
            {},
            AgentOptions(ServerOptions("agent", Address("0.0.0.0", 8080, 9090, socket="/run/a")), "p.yaml"),
            id="socket",
        ),
    ],
)
def test_options(words: list[str], environment: dict[str, str], options: AgentOptions) -> None:
    assert agent.options(parsed(agent, *words), environment) == options
