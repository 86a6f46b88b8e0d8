"""`python -m tests.cluster.node up|down|status|load|run -- COMMAND`."""

import argparse
import os
import sys

from tests.cluster.node import node as nodes
from tests.cluster.node.images import OPERATOR, RUNTIME
from tests.cluster.node.node import Node
from tests.cluster.node.preflight import missing, missing_packages
from tests.cluster.node.progress import Failed, say

_COMMANDS = {
    "up": "start the node, or bring the images of this checkout into the one that runs",
    "load": "bring the images of this checkout into the running node",
    "status": "say whether a node runs, and how to use it",
    "build": "build what the tests' node needs, where there can be one",
    "packages": "list the Debian packages that the node lacks here",
    "run": "run a command in the node's network: run -- kubectl get pods",
    "down": "stop the node and remove all there is of it",
}


def main() -> int:
    command, argv = _arguments()
    if command == "packages":
        print(*missing_packages())
        return 0
    if command == "build" and os.environ.get("KUBECONFIG"):
        return 0  # the tests take that cluster
    if problem := missing():
        say(f"There can be no node here: {problem}")
        return int(command != "build")
    try:
        return _do(command, argv)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1


def _arguments() -> tuple[str, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.node")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == "run":
            command.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    arguments = parser.parse_args()
    argv: list[str] = getattr(arguments, "argv", [])
    return arguments.command, argv[argv[:1] == ["--"] :]


def _do(command: str, argv: list[str]) -> int:
    if command == "build":
        nodes.build()
        return 0
    if command == "down":
        nodes.stop()
        say("There is no node any more.")
        return 0
    node = nodes.running()
    if command == "up" and node is None:
        node = nodes.start()
    elif node is None:
        raise Failed("No node runs: start one with `make node`.")
    elif command in ("up", "load"):
        nodes.load(node)
    if command == "run":
        os.execvpe("nsenter", node.inside(argv or [os.environ.get("SHELL", "sh")]), node.environment)
    print(_usage(node))
    return 0


def _usage(node: Node) -> str:
    run = "python -m tests.cluster.node run --"
    return f"""
The node runs (first process {node.pid}). Its network is its own, so commands run inside it:
  {run} kubectl get pods --all-namespaces
  {run} helm list
or in a shell of your own:
  export KUBECONFIG={node.kubeconfig} PATH={node.programs}:$PATH
  nsenter --target={node.pid} --net -- kubectl get nodes
Images: {OPERATOR} and {RUNTIME}, with imagePullPolicy IfNotPresent; after a change: make node-load
Writes that the API server answered: {node.audit_log}
Logs of its components: {node.audit_log.parent}
Stop it with `make node-stop`.""".lstrip()


if __name__ == "__main__":
    sys.exit(main())
