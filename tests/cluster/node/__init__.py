"""A real Kubernetes node for the tests, in namespaces of its own: `python -m tests.cluster.node --help`.

It needs no container registry: programs and images are built here, once, and kept in a cache outside the repository.
"""
