from pathlib import Path

import pytest

from tyrex_pool import resources


def test_a_checkout_has_its_own(root: Path) -> None:
    assert resources.crd() == (root / "crds/tyrexpool.yaml").read_text("utf-8")
    assert resources.guest_bundle() == (root / "runtime-image/isolate.js").read_text("utf-8")
    assert resources.guest_rewriter() == (root / "runtime-image/rewrite.js").read_text("utf-8")


def test_a_wheel_has_them_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name in (("_crds", "tyrexpool.yaml"), ("_guest", "isolate.js")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("packaged")
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert resources.crd() == "packaged"
    assert resources.guest_bundle() == "packaged"


def test_neither_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "package")
    monkeypatch.setattr(resources, "_CHECKOUT", tmp_path / "checkout")
    with pytest.raises(FileNotFoundError, match=r"tyrexpool\.yaml is neither in .* nor in "):
        resources.crd()
