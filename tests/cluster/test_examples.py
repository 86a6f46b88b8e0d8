"""Every example is applied as it stands, and the commands in its comments print in the cluster what stands below."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool
from tests.examples import URL, each_example, transcript
from tyrex_pool.model import names


def pool_name(file: Path) -> str:
    (name,) = (one["metadata"]["name"] for one in yaml.safe_load_all(file.read_text()) if one["kind"] == names.KIND)
    assert isinstance(name, str)
    return name


@each_example
def test_it_does_in_the_cluster_what_its_comments_promise(
    operator: str, cluster: Cluster, module_namespace: str, module_caller: Caller, file: Path
) -> None:
    with applied(cluster, module_namespace, file) as pool:
        url, shown = module_caller.reach(pool), transcript(file)[1:]
        words = [shlex.split(one.command.replace(URL, url))[2:] for one in shown]
        for one, output in zip(shown, module_caller.run(printed, url, words), strict=True):
            one.check(output)


@contextmanager
def applied(cluster: Cluster, namespace: str, file: Path) -> Iterator[InstalledPool]:
    """The pool of the file, ready."""
    where = ("--namespace", namespace, f"--filename={file}")
    cluster.kubectl("apply", *where)
    try:
        pool = InstalledPool(cluster, namespace, pool_name(file))
        pool.wait_ready()
        yield pool
    finally:
        cluster.kubectl("delete", "--wait=false", *where)


def printed(url: str, commands: list[list[str]]) -> list[str]:
    """In the pod: what `tyrex-pool eval` prints, for the words of each command.

    All on one connection, and so through one proxy: two of them take turns each for itself.
    """
    import argparse
    import asyncio

    from tyrex_pool import AsyncClient, TyrexError
    from tyrex_pool.cli import eval as command
    from tyrex_pool.cli.output import error_text, json_text
    from tyrex_pool.model.text import printable

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    async def run(client: AsyncClient, words: list[str]) -> str:
        args = parser.parse_args(words)
        command.sort_words(args)
        try:
            return json_text((await command.evaluate(client, args)).result)
        except TyrexError as error:
            return f"error: {printable(error_text(error))}"

    async def run_all() -> list[str]:
        async with AsyncClient(url) as client:
            return [f"{await run(client, words)}\n" for words in commands]

    return asyncio.run(run_all())
