"""The node's images, built with buildah in a store of the cache's own.

The product's come from the Containerfiles that ship.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.node import pip
from tests.cluster.node.places import ROOT, cache, digest
from tests.cluster.node.progress import Failed, output, say

OPERATOR = "localhost/tyrex-pool-operator:test"
RUNTIME = "localhost/tyrex-pool-runtime:test"
PAUSE = "localhost/pause:1"
CONTAINERFILES = {OPERATOR: "operator/Containerfile", RUNTIME: "runtime-image/Containerfile"}

# Debian's own slim image needs a registry; its packages do not.
_SLIM = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")]
_DEBIAN = ["mmdebstrap", "--variant=minbase", *_SLIM, "bookworm"]
# A race in what buildah 1.28 does first when it starts, seen on Linux 6.18: the next attempt succeeds.
_RACE = "sealing memfd copy: Device or resource busy"
_ATTEMPTS = 10


def build(programs: Path) -> dict[str, str]:
    """Builds what has changed. Returns each image with the id of its content."""
    _buildah("rm", "--all")  # what a build that was killed left: images that it uses cannot be removed
    base = _base()
    _containerfile(PAUSE, programs, 'FROM scratch\nCOPY pause /\nENTRYPOINT ["/pause"]\n')
    for image in CONTAINERFILES:
        _product(image, base)
    _buildah("rmi", "--prune")  # what older sources left
    return {image: _id(image) for image in (PAUSE, *CONTAINERFILES)}


def archive(image: str, target: Path) -> None:
    """Writes an image into a file that containerd reads."""
    target.unlink(missing_ok=True)
    _buildah("push", image, f"oci-archive:{target}:{image}")


def _base() -> str:
    image = f"localhost/tyrex-pool-base:{digest([], *_DEBIAN)}"
    if not _id(image):
        say("Building a base image from Debian's packages ...")
        with TemporaryDirectory(dir=cache()) as folder:
            output([*_DEBIAN, f"{folder}/base.tar"], environment=os.environ | {"TMPDIR": folder})
            _containerfile(image, Path(folder), "FROM scratch\nADD base.tar /\n")
    return image


def _product(image: str, base: str) -> None:
    """The stage `package` gets a name too, so that pruning keeps the layers that the next build starts from."""
    say(f"Building {image} ...")
    with TemporaryDirectory(dir=cache()) as folder:
        source = [f"--file={ROOT / CONTAINERFILES[image]}", f"--ignorefile={ROOT / '.dockerignore'}"]
        build = ["build", "--layers", f"--build-arg=BASE={base}", *pip.secrets(Path(folder)), *source]
        _buildah(*build, "--target=package", f"--tag={image}-package", str(ROOT))
        _buildah(*build, f"--tag={image}", str(ROOT))


def _containerfile(image: str, context: Path, text: str) -> None:
    with TemporaryDirectory(dir=cache()) as folder:
        file = Path(folder) / "Containerfile"
        file.write_text(text)
        _buildah("build", "--layers", f"--tag={image}", f"--file={file}", str(context))


def _id(image: str) -> str:
    """Empty where there is no such image."""
    return _buildah("images", "--quiet", "--no-trunc", "--filter", f"reference={image}").strip()


def _buildah(*words: str) -> str:
    """In a mount namespace of its own: whatever happens, no mount is left behind."""
    store = cache() / "images"
    own = ["unshare", "--mount", "--propagation=private"]
    command = [*own, "buildah", f"--root={store}/store", f"--runroot={store}/run", "--storage-driver=overlay", *words]
    for _ in range(_ATTEMPTS):
        try:
            return output(command, environment=os.environ | {"BUILDAH_ISOLATION": "chroot"})
        except Failed as failure:
            if _RACE not in str(failure):
                raise
    raise Failed(f"buildah does not start: {_RACE}")
