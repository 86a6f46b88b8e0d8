"""What travels with the package: its version, and files. In the wheel these lie beside this module, in a checkout in
folders of their own.
"""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def version() -> str | None:
    """That of the installed package; None when it runs from a checkout that nobody installed."""
    try:
        return _installed("tyrex-pool")
    except PackageNotFoundError:
        return None


def image(name: str) -> str:
    """The image of this version, as `tyrex-pool-runtime:0.1.0`."""
    return f"{name}:{version() or 'latest'}"


def crd() -> str:
    """The CustomResourceDefinition of TyrexPool, as YAML. Raises FileNotFoundError."""
    return _find(_PACKAGE / "_crds", _CHECKOUT / "crds", "tyrexpool.yaml").read_text("utf-8")


def guest_bundle() -> str:
    """The isolate's side of the pipe, as one JavaScript file. Raises FileNotFoundError."""
    return (guest_directory() / "isolate.js").read_text("utf-8")


def guest_rewriter() -> str:
    """The part of it that isolates evaluate only when they need it, as another one. Raises FileNotFoundError."""
    return (guest_directory() / "rewrite.js").read_text("utf-8")


def guest_directory() -> Path:
    """Where these files lie; absolute. Raises FileNotFoundError."""
    return _find(_PACKAGE / "_guest", _CHECKOUT / "runtime-image", "isolate.js").parent


def _find(packaged: Path, checkout: Path, name: str) -> Path:
    for folder in (packaged, checkout):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is neither in {packaged} nor in {checkout}: install tyrex-pool again")
