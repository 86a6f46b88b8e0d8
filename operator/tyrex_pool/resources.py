"""Files that travel with the package: in the wheel beside this module, in a checkout in their own folders."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def crd() -> str:
    """The CustomResourceDefinition of TyrexPool, as YAML. Raises FileNotFoundError."""
    return _find(_PACKAGE / "_crds", _CHECKOUT / "crds", "tyrexpool.yaml").read_text("utf-8")


def guest_directory() -> Path:
    """Where the isolate's side of the pipe (TypeScript) lies; absolute. Raises FileNotFoundError."""
    return _find(_PACKAGE / "_guest", _CHECKOUT / "runtime-image" / "guest", "isolate.ts").parent


def _find(packaged: Path, checkout: Path, name: str) -> Path:
    for folder in (packaged, checkout):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name} is neither in {packaged} nor in {checkout}: install tyrex-pool again")
