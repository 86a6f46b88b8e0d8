import pytest

from tyrex_pool.hosting.errors import BadInput, operator_extra, user_message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(BadInput("pass --url"), "pass --url", id="bad input"),
        pytest.param(FileNotFoundError(2, "No such file", "p.yaml"), "p.yaml: No such file", id="file"),
        pytest.param(OSError(98, "port 1 is in use"), "[Errno 98] port 1 is in use", id="no file"),
    ],
)
def test_the_message_for_a_user(error: Exception, message: str) -> None:
    assert user_message(error) == message


def test_a_missing_package_names_the_extra() -> None:
    with (
        pytest.raises(BadInput, match=r"pip install 'tyrex-pool\[operator\]' \(No module named 'nowhere'\)"),
        operator_extra(),
    ):
        raise ModuleNotFoundError("No module named 'nowhere'")
