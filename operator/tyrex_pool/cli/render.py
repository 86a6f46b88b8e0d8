"""`tyrex-pool render FILE`: prints the objects that the operator would create for a manifest."""

import argparse
import sys

from tyrex_pool.cli.arguments import add_file_argument
from tyrex_pool.cli.output import json_text
from tyrex_pool.hosting.manifest_file import read_manifest
from tyrex_pool.model import names
from tyrex_pool.model.yaml_text import dump_documents
from tyrex_pool.plan.children import desired
from tyrex_pool.plan.declared_pool import DeclaredPool, Platform
from tyrex_pool.resources import image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_argument(parser)
    for component, default in (("runtime", names.RUNTIME_IMAGE), ("proxy", names.OPERATOR_IMAGE)):
        parser.add_argument(
            f"--{component}-image",
            metavar="IMAGE",
            default=image(default),
            help=f"where spec.{component}.image is absent (default %(default)s)",
        )
    parser.add_argument("--json", action="store_true", help="one List in JSON instead of YAML documents")


def run(args: argparse.Namespace) -> int:
    manifest, _ = read_manifest(args.file)
    pool = DeclaredPool(manifest.name, manifest.namespace, None, manifest.spec, manifest.config_maps, manifest.labels)
    items = [item for item in desired(pool, Platform(args.runtime_image, args.proxy_image)).values() if item]
    if args.json:
        print(json_text({"apiVersion": "v1", "kind": "List", "items": items}))
    else:
        sys.stdout.write(dump_documents(items))
    return 0
