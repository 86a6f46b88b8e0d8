"""A pod that calls pools as a user's program in the cluster does: by DNS name, with the package's own client."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from tests.cluster.cluster import Cluster
from tests.cluster.pools import InstalledPool

NAME = "caller"
Where = InstalledPool | str
"""A pool, or the URL of one."""
P = ParamSpec("P")
T = TypeVar("T")


class Caller:
    """The pod `caller` of a namespace; `start` makes it, unless it is there."""

    def __init__(self, cluster: Cluster, namespace: str, image: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._image = image
        self._reached: set[str] = set()

    def start(self) -> "Caller":
        self.cluster.apply(json.dumps(pod(self.namespace, self._image)))
        self._kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=60s")
        return self

    def run_python(self, source: str) -> str:
        """What `source` prints in the pod. It must succeed."""
        return self._kubectl("exec", "--stdin", NAME, "--", "python", "-", input=source)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns in the pod. It imports what it needs itself; all values travel as JSON."""
        source = inspect.getsource(function)
        given = json.dumps(json.dumps([args, kwargs]))
        called = f"args, kwargs = json.loads({given})\nprint(json.dumps({function.__name__}(*args, **kwargs)))"
        result: T = json.loads(self.run_python(f"from __future__ import annotations\nimport json\n{source}\n{called}"))
        return result

    def reach(self, where: Where) -> str:
        """Its URL, once the pool has answered there: a new Service takes nodes a moment, also when it is Ready."""
        found = url(where)
        if isinstance(where, InstalledPool) and found not in self._reached:
            self.run(reach, found)
            self._reached.add(found)
        return found

    def forget(self, where: Where) -> None:
        """The pool's Service or its proxies are new ones: wait again until the pool has answered."""
        self._reached.discard(url(where))

    def evals(self, where: Where, code: str, times: int, key: str | None = None) -> list[tuple[Any, str]]:
        """Results and runtimes of evals one after another, each on a connection of its own. They must succeed."""
        return [(result, runtime) for result, runtime in self.run(evaluate, self.reach(where), code, times, key)]

    def eval(self, where: Where, code: str, key: str | None = None) -> Any:
        """The result of `code`, which must succeed."""
        return self.evals(where, code, 1, key)[0][0]

    def post(self, where: Where, path: str, body: Any, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """`status`, `headers` (lower case) and `body` (JSON) of the answer, whatever it is."""
        return self.run(post, self.reach(where) + path, body, dict(headers or {}))

    def has(self, path: str) -> bool:
        """Whether there is such a file in the pod."""
        return bool(self._kubectl("exec", NAME, "--", "sh", "-c", f"test -e {path} && echo yes || true").strip())

    def touch(self, path: str) -> None:
        """Make that file in the pod."""
        self._kubectl("exec", NAME, "--", "touch", path)

    def _kubectl(self, *words: str, input: str | None = None) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *words, input=input)


def url(where: Where) -> str:
    return where if isinstance(where, str) else where.url


# What runs in the pod -----------------------------------------------------------------------------------------


def reach(url: str) -> None:
    from tyrex_pool import Client

    with Client(url, retries=6) as client:
        client.pool()


def evaluate(url: str, code: str, times: int, key: str | None) -> list[tuple[Any, str]]:
    import httpx

    from tyrex_pool import Client

    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as http:
        answers = [Client(url, http=http).eval_response(code, key=key) for _ in range(times)]
    return [(answer.result, answer.runtime) for answer in answers]


def post(url: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    import httpx

    answer = httpx.post(url, json=body, headers=headers, timeout=60)
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.json()}


def pod(namespace: str, image: str) -> dict[str, Any]:
    """The caller, as the restricted level of Pod Security wants it."""
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": security,
            "containers": [container],
        },
    }
