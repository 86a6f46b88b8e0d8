"""The chart as Helm renders it."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
Values = Mapping[str, Any]

OLDEST = "1.30.0"
"""The oldest Kubernetes that the chart is for."""
RELEASE = "tools"
NAMESPACE = "tyrex-system"
FULLNAME = f"{RELEASE}-tyrex-pool"
OPERATOR = f"{FULLNAME}-operator"


class Refused(Exception):
    """Helm does not render the chart with these values; the text says why."""


class Rendered:
    """The objects of a release, hooks included."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def objects(self) -> list[Object]:
        return [document for document in yaml.load_all(self.text, yaml.CSafeLoader) if document is not None]

    def of(self, kind: str, name: str | None = None) -> list[Object]:
        return [o for o in self.objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]

    def one(self, kind: str, name: str | None = None) -> Object:
        """Exactly one is there."""
        (found,) = self.of(kind, name)
        return found

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Every pod template's spec, with the kind and name of its owner."""
        for item in self.objects:
            if item["kind"] in ("Deployment", "Job"):
                yield f"{item['kind']}/{item['metadata']['name']}", item["spec"]["template"]["spec"]


class Helm:
    def __init__(self, program: str, chart: Path) -> None:
        self._program = program
        self.chart = chart

    def render(
        self,
        values: Values | None = None,
        *,
        release: str = RELEASE,
        chart: Path | None = None,
        only: str | None = None,
        apis: Sequence[str] = (),
    ) -> Rendered:
        """What an install with `values` over the defaults makes; the API server has `apis` too. Raises Refused."""
        words = ["template", release, str(chart or self.chart), "--namespace", NAMESPACE, "--kube-version", OLDEST]
        words += [f"--api-versions={api}" for api in apis]
        return Rendered(self.run(*words, *(["--show-only", only] if only else []), values=values))

    def run(self, *words: str, values: Values | None = None) -> str:
        """One helm command with `values`; returns what it prints. Raises Refused."""
        done = subprocess.run(
            [self._program, *words, "--values", "-"],
            input=json.dumps(values or {}), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise Refused(done.stderr + done.stdout)
        return done.stdout
