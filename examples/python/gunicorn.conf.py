"""Settings for flask_app.py and django_app.py: the application is imported once, and each worker opens its pool."""

from importlib import import_module
from typing import Any

preload_app = True
workers = 2
threads = 4


def post_worker_init(worker: Any) -> None:
    pool_of(worker).open()


def worker_exit(server: Any, worker: Any) -> None:
    pool_of(worker).close()


def pool_of(worker: Any) -> Any:
    """The variable `pool` of the application's module."""
    return import_module(worker.app.app_uri.partition(":")[0]).pool
