import gc
import json

import pytest

from tyrex_pool.hosting.announce import announce, freeze_heap, progress, show_error
from tyrex_pool.model.pool_view import PoolView, StrategyView
from tyrex_pool.server.service import Address

POOL = PoolView(
    name="web",
    ready=True,
    ready_runtimes=2,
    size=3,
    strategy=StrategyView(type="Hash"),
    in_flight=0,
    queued=0,
    runtimes=(),
)


@pytest.mark.parametrize(
    ("listen", "url", "admin"),
    [
        pytest.param(Address("10.0.0.1", 0, 0), "http://10.0.0.1:81", "http://10.0.0.1:91", id="a host"),
        pytest.param(Address("0.0.0.0", 0, 0), "http://127.0.0.1:81", "http://127.0.0.1:91", id="every IPv4 address"),
        pytest.param(Address("::", 0, 0), "http://[::1]:81", "http://[::1]:91", id="every IPv6 address"),
        pytest.param(Address("127.0.0.1", 0, 0, socket="/s"), "unix:/s", "http://127.0.0.1:91", id="a Unix socket"),
    ],
)
def test_a_program_reads_one_line(capsys: pytest.CaptureFixture[str], listen: Address, url: str, admin: str) -> None:
    assert announce(POOL, listen, 81, 91) == url
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert json.loads(out) == {"url": url, "admin": admin, "pool": "web", "ready": True, "size": 3}
    assert err == ""


def test_progress_is_for_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress("starting")
    assert capsys.readouterr() == ("", "")


def test_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_error("it failed")
    assert capsys.readouterr() == ("", "it failed\n")


def test_the_collector_no_longer_scans_what_is_frozen() -> None:
    freeze_heap()
    try:
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
