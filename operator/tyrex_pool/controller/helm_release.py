"""Whether Helm uninstalls the operator's release. Who only renders the chart (`helm template`, kustomize, Argo CD)
applies the pre-delete hook as one more Job, and that must delete nothing.

The proof is who wrote what, as the API server recorded it (`metadata.managedFields`): the hook's Job was created by the
program that installed the release, and the operator's Deployment belongs to a release of this name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model.kinds import DEPLOYMENT, JOB, Kind

_RELEASE_NAME: Final = "meta.helm.sh/release-name"
_RELEASE_NAMESPACE: Final = "meta.helm.sh/release-namespace"
"""Annotations that Helm adds when it installs an object; no rendered manifest has them."""
_HELM: Final = "helm"
"""A part of the names under which Helm, and most programs that contain it, write: `helm`, `helm.exe`,
`helm-controller`, `terraform-provider-helm`."""


class UnknownReleaseError(Exception):
    """Helm created the hook's Job, but the release that it would uninstall cannot be recognized."""


class Reader(Protocol):
    """The part of ClusterApi that this needs; raises ClusterError."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None: ...


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """The release `name` in `namespace`; `deployment` is the operator's, `job` that of the pre-delete hook."""

    namespace: str
    name: str
    deployment: str
    job: str


async def refusal(cluster: Reader, release: HelmRelease) -> str | None:
    """Why this is no uninstallation of `release`; None when it is one. Raises UnknownReleaseError and ClusterError."""
    job = await cluster.get(JOB, release.namespace, release.job)
    deployment = await cluster.get(DEPLOYMENT, release.namespace, release.deployment)
    return decide(release, job, deployment)


def decide(release: HelmRelease, job: Object | None, deployment: Object | None) -> str | None:
    """As `refusal`, of what was read; None: there is no such object."""
    if job is None:
        return f"there is no Job {release.job}"
    installers = set(_writers(deployment or {}, "metadata", "annotations", _RELEASE_NAME))
    creators = set(_writers(job, "spec"))
    if not any(creator in installers or _HELM in creator.lower() for creator in creators):
        return f"Job {release.job} was created by {', '.join(sorted(creators)) or 'an unknown program'}, not by Helm"
    annotations = (deployment or {}).get("metadata", {}).get("annotations", {})
    if (annotations.get(_RELEASE_NAMESPACE), annotations.get(_RELEASE_NAME)) != (release.namespace, release.name):
        problem = f"Deployment {release.deployment} does not belong to release {release.name} in {release.namespace}"
        raise UnknownReleaseError(f"{problem}: bring it back by helm upgrade, or pass --no-hooks to keep the pools")
    return None


def _writers(item: Object, *path: str) -> Iterator[str]:
    """The managers of the field at `path`."""
    for entry in item.get("metadata", {}).get("managedFields", ()):
        if "subresource" not in entry and _has(entry.get("fieldsV1", {}), path):
            yield entry.get("manager", "")


def _has(fields: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        fields = fields.get(f"f:{name}")
        if fields is None:
            return False
    return True
