"""Every public string once: API group, labels, ports, headers, paths, and the names of a pool's children."""

from hashlib import sha256
from typing import Final

GROUP: Final = "tyrex.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "TyrexPool"
PLURAL: Final = "tyrexpools"
SINGULAR: Final = "tyrexpool"
SHORT_NAME: Final = "txp"
CATEGORY: Final = "tyrex"
CRD_NAME: Final = f"{PLURAL}.{GROUP}"

FINALIZER: Final = f"{GROUP}/cleanup"
LABEL_PREFIX: Final = f"{GROUP}/"
LABEL_POOL: Final = f"{LABEL_PREFIX}pool"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
APPLICATION: Final = "tyrex-pool"
"""The value of the labels `name` and `part-of` on everything that belongs to it."""
MANAGED_BY: Final = APPLICATION
"""The value of that label on every object that the operator creates."""
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
COMPONENT_RUNTIME: Final = "runtime"
COMPONENT_PROXY: Final = "proxy"
COMPONENT_OPERATOR: Final = "operator"
ANNOTATION_SPEC_HASH: Final = f"{LABEL_PREFIX}spec-hash"
"""On a runtime's pod: a hash of the parts of the spec that it was started with. Another value needs another pod."""
SPEC_HASH_VARIABLE: Final = "TYREX_SPEC_HASH"
"""The same in an agent's environment, by which it recognizes the manifest of its revision."""
ANNOTATION_MANIFEST_HASH: Final = f"{LABEL_PREFIX}manifest-hash"
"""On every child: a hash of the manifest that the operator applied, by which it detects members to remove."""
ANNOTATION_PAUSED: Final = f"{LABEL_PREFIX}paused"
"""`"true"` on a TyrexPool: the operator observes it, and changes nothing."""
ANNOTATION_OPERATOR: Final = f"{LABEL_PREFIX}operator"
"""On a TyrexPool: the operator that it belongs to, as `namespace/name` of that operator's Lease."""
STATUS_APPLIED: Final = "appliedSpec"
"""In the status of a TyrexPool: the spec that was last applied as a whole, as JSON."""

SERVICE_PORT: Final = 80
"""Of the Service users call."""
ADMIN_PORT: Final = 9090
"""Health and metrics."""
SERVE_PORT: Final = 8080
"""Of `tyrex-pool serve`, and of the proxy and agent containers."""

PORT_HTTP: Final = "http"
PORT_ADMIN: Final = "admin"
"""The names of both, in pods and Services."""

RUNTIME_NAME_VARIABLE: Final = "TYREX_RUNTIME_NAME"
"""In an agent's environment: the name of its runtime."""
ACCESS_LOG_VARIABLE: Final = "TYREX_ACCESS_LOG"
"""In a server's environment: `1` has the effect of the option `--access-log`."""
CONFIG_DIRECTORY: Final = "/etc/tyrex"
CONFIG_FILE: Final = "pool.yaml"
"""The file of an agent's manifest in its pod, and its key in the ConfigMap."""

RUNTIME_IMAGE: Final = "tyrex-pool-runtime"
OPERATOR_IMAGE: Final = "tyrex-pool-operator"

HEADER_KEY: Final = "Tyrex-Key"
HEADER_TIMEOUT: Final = "Tyrex-Timeout-Ms"
HEADER_RUNTIME: Final = "Tyrex-Runtime"
HEADER_EPOCH: Final = "Tyrex-Epoch"
HEADER_EVAL: Final = "Tyrex-Eval"
HEADER_SERVER_TIMING: Final = "Server-Timing"
HEADER_RETRY_AFTER: Final = "Retry-After"
HEADER_TRACE: Final = "traceparent"
HEADER_QUEUE: Final = "Tyrex-Queue"
"""To a runtime: how many evals may wait, for this eval. Proxies send it in their orders (`model/frames.py`)."""
HEADER_STREAM: Final = "Tyrex-Stream"
"""Of a handshake between a proxy and a runtime, and its answer: the version of the stream."""

PATH_EVAL: Final = "/v1/eval"
PATH_CALL: Final = "/v1/call"
PATH_BATCH: Final = "/v1/batch"
PATH_POOL: Final = "/v1/pool"
PATH_EXPLAIN: Final = "/v1/explain"
PATH_OPENAPI: Final = "/v1/openapi.json"
PATH_STREAM: Final = "/internal/stream"
PATH_HEALTH: Final = "/healthz"
PATH_READY: Final = "/readyz"
PATH_METRICS: Final = "/metrics"

TYPE_JSON: Final = "application/json"
TYPE_PROBLEM: Final = "application/problem+json"
TYPE_LINES: Final = "application/x-ndjson"
LINES: Final = (TYPE_LINES, "application/ndjson", "application/jsonl")
"""Content types of a batch; the answer has the first."""
LANGUAGES: Final = {"text/javascript": "javascript", "application/typescript": "typescript"}
"""Content types of a body that is the code itself -> the `language` it stands for."""

ERROR_TYPE_PREFIX: Final = "urn:tyrex:error:"

DNS_LABEL_MAX: Final = 63
"""Characters in a DNS label, and in a label's value."""


def runtime_name(pool: str, index: int) -> str:
    """The value of `Tyrex-Runtime`: `render-0`."""
    return f"{pool}-{index}"


def proxy_service(pool: str) -> str:
    """The Service users call has the pool's own name."""
    return pool


def runtime_service(pool: str) -> str:
    """The headless Service by which a proxy finds the runtimes."""
    return _child(pool, "runtime")


def runtime_deployment(pool: str) -> str:
    return _child(pool, "runtime")


def proxy_deployment(pool: str) -> str:
    return _child(pool, "proxy")


def component_name(pool: str, component: str) -> str:
    """The name of every object of one component of a pool, but for the Service users call."""
    return _child(pool, component)


def service_host(pool: str, namespace: str) -> str:
    """The host part of the URL that users call."""
    return f"{proxy_service(pool)}.{namespace}.svc"


def selector(pool: str, component: str | None = None) -> str:
    """A label selector for a pool's objects, or for the pods of one component."""
    chosen = f"{LABEL_POOL}={pool}"
    return chosen if component is None else f"{chosen},{LABEL_COMPONENT}={component}"


def error_type(name: str) -> str:
    """The `type` member of a problem document."""
    return ERROR_TYPE_PREFIX + name


def _child(pool: str, suffix: str) -> str:
    """`<pool>-<suffix>`, with the pool's tail hashed where it would be over 63 characters."""
    name = f"{pool}-{suffix}"
    if len(name) <= DNS_LABEL_MAX:
        return name
    digest = sha256(pool.encode()).hexdigest()[:8]
    head = pool[: DNS_LABEL_MAX - len(suffix) - len(digest) - 2].rstrip("-")
    return f"{head}-{digest}-{suffix}"
