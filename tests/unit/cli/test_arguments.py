from argparse import ArgumentParser

import pytest

from tyrex_pool.cli.arguments import add_server_arguments, server_options
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.server.service import Address


def options(words: list[str], flexible: bool) -> ServerOptions:
    parser = ArgumentParser()
    add_server_arguments(parser, "127.0.0.1")
    return server_options(parser.parse_args(words), "serve", flexible=flexible)


@pytest.mark.parametrize(
    ("words", "flexible", "listen"),
    [
        pytest.param([], False, Address("127.0.0.1", 8080, 9090), id="defaults"),
        pytest.param([], True, Address("127.0.0.1", 8080, 9090, True, True), id="flexible defaults"),
        pytest.param(["--port", "0"], False, Address("127.0.0.1", 0, 9090), id="any port"),
        pytest.param(["--port", "8080"], True, Address("127.0.0.1", 8080, 9090, False, True), id="chosen port"),
        pytest.param(["--admin-port", "1"], True, Address("127.0.0.1", 8080, 1, True, False), id="chosen admin port"),
        pytest.param(["--host", "::1"], False, Address("::1", 8080, 9090), id="host"),
        pytest.param(["--host", ""], False, Address("0.0.0.0", 8080, 9090), id="every host"),
        pytest.param(["--host", "fe80::1%eth0"], False, Address("fe80::1%eth0", 8080, 9090), id="host with a zone"),
        pytest.param(["--host", "localhost"], False, Address("localhost", 8080, 9090), id="host by name"),
        pytest.param(
            ["--allowed-host", "a.example", "--allowed-host", "[::2]"],
            False,
            Address("127.0.0.1", 8080, 9090, allowed_hosts=("a.example", "[::2]")),
            id="hosts",
        ),
        pytest.param(["--socket", "/a"], False, Address("127.0.0.1", 8080, 9090, socket="/a"), id="socket"),
    ],
)
def test_a_port_that_the_user_passes_is_never_replaced(words: list[str], flexible: bool, listen: Address) -> None:
    assert options(words, flexible) == ServerOptions("serve", listen)


@pytest.mark.parametrize(("variable", "words", "on"), [("", [], False), ("1", [], True), ("0", ["--access-log"], True)])
def test_the_access_log_is_an_option_or_a_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, words: list[str], on: bool
) -> None:
    monkeypatch.setenv("TYREX_ACCESS_LOG", variable)
    assert options(words, False).access_log is on


@pytest.mark.parametrize("port", ["65536", "-1", "http", ""])
def test_what_is_no_port(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit):
        options([f"--port={port}"], False)
    assert f"write a port from 0 to 65535, not '{port}'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "http://a", "a:80", "a/b", "a b", "*", "a,b", "::1", "user@a"])
def test_what_is_no_host(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit):
        options([f"--allowed-host={name}"], False)
    assert f"write a host name without scheme, port and path, not '{name}'" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["http://127.0.0.1", "127.0.0.1:8080", "[::1]", "a b", " ", "::1/128", "1.2.3.4:"])
def test_what_is_no_address(capsys: pytest.CaptureFixture[str], host: str) -> None:
    with pytest.raises(SystemExit):
        options([f"--host={host}"], False)
    assert f"write an address such as 127.0.0.1, ::1 or 0.0.0.0 (all), without scheme and port, not {host!r}" in (
        " ".join(capsys.readouterr().err.split())
    )
