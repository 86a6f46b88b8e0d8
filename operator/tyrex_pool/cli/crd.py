"""`tyrex-pool crd`: prints the CustomResourceDefinition, for `kubectl apply -f -`."""

import argparse
import sys

from tyrex_pool import resources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def run(args: argparse.Namespace) -> int:
    sys.stdout.write(resources.crd())
    return 0
