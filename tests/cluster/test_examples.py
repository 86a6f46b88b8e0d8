"""Every example is applied as it stands, and the commands in its comments print in the cluster what stands below."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool
from tests.examples import EXAMPLES, URL, each_example, transcript
from tyrex_pool.model import names


@pytest.fixture(scope="module")
def applied(operator: str, cluster: Cluster, module_namespace: str) -> Iterator[dict[str, InstalledPool]]:
    """All examples, applied at once; by the names of their files."""
    files = [f"--filename={file}" for file in EXAMPLES]
    cluster.kubectl("--namespace", module_namespace, "apply", *files)
    yield {file.stem: InstalledPool(cluster, module_namespace, pool_name(file)) for file in EXAMPLES}
    cluster.kubectl("--namespace", module_namespace, "delete", "--wait=false", *files)


def pool_name(file: Path) -> str:
    (name,) = (one["metadata"]["name"] for one in yaml.safe_load_all(file.read_text()) if one["kind"] == names.KIND)
    assert isinstance(name, str)
    return name


@each_example
def test_it_does_in_the_cluster_what_its_comments_promise(
    applied: dict[str, InstalledPool], module_caller: Caller, file: Path
) -> None:
    pool = applied[file.stem]
    pool.wait_ready()
    shown = transcript(file)[1:]
    words = [shlex.split(one.command.replace(URL, pool.url))[2:] for one in shown]
    for one, output in zip(shown, module_caller.run(printed, pool.url, words), strict=True):
        one.check(output)


def printed(url: str, commands: list[list[str]]) -> list[str]:
    """In the pod: what `tyrex-pool eval` prints, for the words of each command.

    All on one connection, and so through one proxy: two of them take turns each for itself.
    """
    import argparse

    from tyrex_pool import Client, TyrexError
    from tyrex_pool.cli import eval as command
    from tyrex_pool.cli.output import error_text, json_text, printable

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    def run(client: Client, words: list[str]) -> str:
        try:
            return json_text(command.evaluate(client, parser.parse_args(words)).result)
        except TyrexError as error:
            return f"error: {printable(error_text(error))}"

    with Client(url) as client:
        return [f"{run(client, words)}\n" for words in commands]
