"""The cluster that the tests run on, whatever it is: commands that speak to it, and waiting for what becomes true."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from tests.cluster.node.progress import until
from tests.cluster.pods import restricted_pod

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Images:
    """The product's images, as the cluster's nodes know them."""

    operator: str
    runtime: str


class Cluster:
    """`prefix` goes before every command: it is what enters the network in which the API server answers."""

    def __init__(
        self, images: Images, environment: dict[str, str], prefix: Sequence[str] = (), audit_log: Path | None = None
    ) -> None:
        self.images = images
        self.environment = environment
        self.audit_log = audit_log
        """Every write that the API server answered, as lines of JSON; None where that is not known."""
        self._prefix = tuple(prefix)

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv`, so that it runs where the cluster can be reached; for a process of one's own, with `environment`."""
        return [*self._prefix, *argv]

    def run(self, argv: Sequence[str], input: str | None = None, check: bool = True) -> str:
        """What a command prints. It must succeed; without `check`, its errors are part of the answer."""
        done = subprocess.run(
            self.command(argv), input=input or "", env=self.environment, capture_output=True, text=True
        )
        if not check:
            return done.stdout + done.stderr
        assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def kubectl(self, *words: str, input: str | None = None, check: bool = True) -> str:
        return self.run(["kubectl", *words], input, check)

    def kubectl_json(self, *words: str) -> Any:
        """The object, or the list of objects, that kubectl gives."""
        return json.loads(self.kubectl(*words, "--output=json"))

    def apply(self, text: str) -> str:
        """Creates or changes the objects of a manifest, YAML or JSON."""
        return self.kubectl("apply", "--filename=-", input=text)

    def helm(self, *words: str, check: bool = True) -> str:
        return self.run(["helm", *words], check=check)

    def wait(self, condition: Callable[[], T | None], deadline: float, what: str) -> T:
        """The first true answer of `condition`, which is asked again and again for `deadline` seconds."""
        return until(condition, deadline, what)

    @contextmanager
    def namespace(self, name: str = "test") -> Iterator[str]:
        """A new one at the `restricted` level of Pod Security. It is deleted in the background."""
        unique = f"{re.sub('[^a-z0-9]+', '-', name.lower())[:40].strip('-')}-{uuid4().hex[:6]}"
        self.kubectl("create", "namespace", unique)
        self.kubectl("label", "namespace", unique, "pod-security.kubernetes.io/enforce=restricted")
        try:
            yield unique
        finally:
            self.kubectl("delete", "namespace", unique, "--wait=false", "--ignore-not-found")

    def output_of(self, namespace: str, image: str, argv: Sequence[str], user: int | None = None) -> str:
        """What a command prints in a pod of its own, which must succeed; all it can write to is /tmp."""
        name = f"run-{uuid4().hex[:6]}"
        self.apply(json.dumps(restricted_pod(name, namespace, image, argv, user)))
        where = ("--namespace", namespace, f"pod/{name}")

        def phase() -> str | None:
            found: str = self.kubectl_json("get", *where)["status"]["phase"]
            return found if found in ("Succeeded", "Failed") else None

        ended = self.wait(phase, 60, f"the end of {name}")
        printed = self.kubectl("logs", *where)
        assert ended == "Succeeded", f"{argv} failed:\n{printed}"
        self.kubectl("delete", "--wait=false", *where)
        return printed
