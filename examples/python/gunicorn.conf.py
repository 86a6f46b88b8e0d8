"""Settings for flask_app.py: the application is imported once, and each worker opens its pool."""

from typing import Any

preload_app = True
workers = 2
threads = 4


def post_worker_init(worker: Any) -> None:
    from flask_app import pool

    pool.open()


def worker_exit(server: Any, worker: Any) -> None:
    from flask_app import pool

    pool.close()
