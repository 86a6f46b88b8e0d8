"""The node: one process, whose namespaces hold everything else, and one folder of state."""

import json
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster.node import cgroups, images
from tests.cluster.node.places import HERE, alone, state
from tests.cluster.node.preflight import search_path
from tests.cluster.node.programs import programs
from tests.cluster.node.progress import Failed, output, say, tail, until

_DEADLINE = 180.0
_LOG = "node.log"
_NAMESPACES = ("--net", "--mount", "--pid", "--uts")
_OWN = ("unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "--propagation=private")


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    pid: int
    """Of its first process, seen from outside."""
    born: str
    """When that started, in the kernel's ticks: a pid is given again, to a process that was born later."""
    programs: str
    """The folder of kubectl, helm and the components."""

    @property
    def kubeconfig(self) -> Path:
        return state() / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON object per line: every write that the API server answered."""
        return state() / "log" / "audit.log"

    @property
    def environment(self) -> dict[str, str]:
        """For a command inside: which cluster, and the programs that speak to it."""
        own = {"KUBECONFIG": self.kubeconfig, "KUBECACHEDIR": state() / "kubectl"}
        # What kubectl and Helm remember of a cluster goes with it.
        helm = {f"HELM_{kind}_HOME": state() / "helm" / kind.lower() for kind in ("CACHE", "CONFIG", "DATA")}
        paths = {name: str(path) for name, path in (own | helm).items()}
        return os.environ | paths | {"PATH": f"{self.programs}:{search_path()}"}

    def inside(self, argv: Sequence[str]) -> list[str]:
        """A command that runs in the node's network, with this machine's files."""
        return ["nsenter", f"--target={self.pid}", "--net", "--", *argv]


def running() -> Node | None:
    """The node that runs now."""
    with suppress(OSError, ValueError, TypeError):
        node = Node(**json.loads((state() / "node.json").read_text()))
        if _birth(node.pid) == node.born:
            return node
    return None


def start() -> Node:
    """Starts the node with the images of this checkout; it runs on when this process has ended. Raises Failed."""
    with alone():
        _stop()
        built, ids = _build()
        with ExitStack() as undo:
            undo.callback(_stop)
            try:
                node = _start(built, ids)
            except Failed as failure:
                raise Failed(f"{failure}\n{_logs()}") from None
            undo.pop_all()
    return node


def build() -> None:
    """Builds what is not cached. Raises Failed."""
    with alone():
        _build()


def load(node: Node) -> None:
    """Brings the images of this checkout, as it is now, into the running node. Raises Failed."""
    with alone():
        _load(node, images.build(Path(node.programs)))
    say("The node has the images of this checkout.")


def stop() -> None:
    """Ends the node, if there is one, and removes all there is of it."""
    with alone():
        _stop()


def _build() -> tuple[Path, dict[str, str]]:
    built = programs()
    return built, images.build(built)


def _start(built: Path, ids: dict[str, str]) -> Node:
    say("Starting the node ...")
    state().mkdir(parents=True)
    cgroups.create()
    node = _launch(built)
    until(lambda: (state() / "ready").exists() or running() is None, _DEADLINE, "the node to be ready")
    if running() is None:
        raise Failed("The node ended while it started.")
    _load(node, ids)
    say("The node is ready.")
    return node


def _launch(built: Path) -> Node:
    """The first process is the child of one that only waits for it, and that a shell leaves behind for us."""
    environment = {"PATH": search_path(), "BIN": str(built), "STATE": str(state()), "CGROUP": cgroups.name()}
    command = ["setsid", "sh", "-c", f'"$@" > {_LOG} 2>&1 < /dev/null & echo $!', "sh", *_OWN, str(HERE / "inside.sh")]
    outer = int(output(command, state(), environment))
    children = Path(f"/proc/{outer}/task/{outer}/children")
    try:
        pid = int(until(children.read_text, _DEADLINE, "the node's first process").split()[0])
    except FileNotFoundError:
        raise Failed("The node does not start.") from None
    node = Node(pid, _birth(pid), str(built))
    (state() / "node.json").write_text(json.dumps(asdict(node)))
    return node


def _load(node: Node, ids: dict[str, str]) -> None:
    """Imports the images whose content the node does not have yet."""
    known = state() / "images.json"
    loaded: dict[str, str] = json.loads(known.read_text()) if known.exists() else {}
    enter = ["nsenter", f"--target={node.pid}", *_NAMESPACES]
    for image, content in ids.items():
        if loaded.get(image) != content:
            say(f"Loading {image} ...")
            images.archive(image, state() / "image.tar")
            output([*enter, "ctr", "--namespace=k8s.io", "images", "import", "/run/node/image.tar"])
            loaded[image] = content
            known.write_text(json.dumps(loaded))
    (state() / "image.tar").unlink(missing_ok=True)


def _stop() -> None:
    """The kernel ends a process namespace's other processes before the first one is gone, and its mounts with them."""
    if node := running():
        os.kill(node.pid, signal.SIGKILL)
        until(lambda: running() is None, _DEADLINE, "the node's processes to end")
    cgroups.remove()
    shutil.rmtree(state(), ignore_errors=True)


def _birth(pid: int) -> str:
    """Raises OSError when there is no such process; a dead one that nobody has asked about is none either."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return fields[19]


def _logs() -> str:
    """The end of every component's log."""
    logs = [state() / _LOG, *sorted((state() / "log").glob("*.log"))]
    return "\n".join(f"--- {log.name}\n{tail(log, 5)}" for log in logs if log.name != "audit.log")
