from pathlib import Path

import pytest

from tyrex_pool.cli.main import main


def test_the_crd_as_it_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crd"]) == 0
    assert capsys.readouterr().out == (root / "crds/tyrexpool.yaml").read_text("utf-8")
