"""How Argo CD runs: as pods of a cluster, in a namespace of the lab's own."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client
from kubernetes.client.rest import ApiException

from ...runtimes import Machine, Runtime, RuntimeUnavailable
from ...runtimes.cleaner import LABEL
from ...wait import wait_until
from ..kubernetes.namespace import APPLY

if TYPE_CHECKING:
    from ..kubernetes import Kubernetes, Namespace

HERE = Path(__file__).parent
IMAGES = ("quay.io/argoproj/argocd:v3.5.7", "redis:8")
CONTROLLER, REPO, REDIS, GIT = (
    "argocd-application-controller",
    "argocd-repo-server",
    "argocd-redis",
    "git",
)
BEHIND = {REDIS: REDIS, GIT: GIT, REPO: REPO, CONTROLLER: "argocd-metrics"}  # Services
WORK = ("Deployment", "StatefulSet")
START_S = 300
HERE_ALREADY = (
    "Argo CD is in this cluster already ({}), and a second one would meddle with it. "
    "Name the kubeconfig of a cluster without it, or none, and K3s is started in a "
    "container"
)
NO_PAUSE = "a cluster does not freeze pods: kill Argo CD instead"

Manifest = dict[str, Any]


def manifests(file: str) -> list[Manifest]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [one for one in yaml.load_all((HERE / file).read_text(), loader) if one]


class Pods(Machine):
    """space: the namespace, which is there once it was started.

    What Argo CD has outside of it, the definitions of its kinds, is owned by the
    namespaces of all labs that use it: the cluster itself removes them with the last of
    these, however that one ends.
    """

    def __init__(self, runtime: Runtime, name: str, cluster: Kubernetes) -> None:
        super().__init__(runtime, name)
        self.cluster = cluster
        self.space: Namespace | None = None
        self.delivered: list[Namespace] = []
        self._work: list[Manifest] = []

    @property
    def core(self) -> Any:
        return client.CoreV1Api(self.cluster.node.api)

    @property
    def definitions(self) -> Any:
        return client.ApiextensionsV1Api(self.cluster.node.api)

    def start(self) -> None:
        if self.space is None:
            self._refuse_anothers()
            self.space = self.cluster.namespace()
            self._define()
            self._settle(self.space)
        self.space.apply(*self._work)

    def _refuse_anothers(self) -> None:
        """Raises RuntimeUnavailable where somebody else has installed Argo CD."""
        for space in self.core.list_namespace().items:
            if space.metadata.name == "argocd":
                raise RuntimeUnavailable(HERE_ALREADY.format("namespace argocd"))
        for one in manifests("crds.yaml"):
            name = one["metadata"]["name"]
            found = self._definition(name)
            if found and LABEL not in (found.metadata.labels or {}):
                raise RuntimeUnavailable(HERE_ALREADY.format(name))

    def _definition(self, name: str) -> Any:
        try:
            return self.definitions.read_custom_resource_definition(name)
        except ApiException as error:
            if error.status != 404:
                raise
            return None

    def _define(self) -> None:
        """Have the definitions of Argo CD's kinds in the cluster, and our namespace
        among their owners. One that is just being removed comes anew."""
        assert self.space is not None
        space = self.core.read_namespace(self.space.name).metadata
        owner = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "name": space.name,
            "uid": space.uid,
        }
        for one in manifests("crds.yaml"):
            one["metadata"]["labels"] |= {LABEL: "labs"}
            one["metadata"]["ownerReferences"] = [owner]
            wait_until(
                lambda one=one: self._defined(one, space.uid),  # type: ignore[misc]
                60,
                f"the cluster does not take {one['metadata']['name']}",
            )

    def _defined(self, one: Manifest, uid: str) -> bool:
        found = self._definition(one["metadata"]["name"])
        if found and found.metadata.deletion_timestamp:
            return False
        owners = (found and found.metadata.owner_references) or []
        if uid not in {owner.uid for owner in owners}:
            self._apply_definition(one)
            return False
        said = found.status.conditions or []
        return any(c.type == "Established" and c.status == "True" for c in said)

    def _apply_definition(self, one: Manifest) -> None:
        assert self.space is not None
        try:
            self.definitions.patch_custom_resource_definition(
                one["metadata"]["name"],
                one,
                # a list of owners has parts of several labs, each its own
                field_manager=self.space.name,
                force=True,
                _content_type=APPLY,
            )
        except ApiException as error:
            raise RuntimeUnavailable(
                "The cluster does not let this user define kinds, which Argo CD needs: "
                f"{error.status} {error.reason}. Name the kubeconfig of one who may: "
                "LABS_KUBECONFIG"
            ) from error

    def _settle(self, space: Namespace) -> None:
        """All but what runs, and the addresses at which its parts meet."""
        told = manifests("install.yaml")
        self._work = [one for one in told if one["kind"] in WORK]
        space.apply(*(one for one in told if one["kind"] not in WORK))
        space.apply(
            secret(REDIS, {"auth": secrets.token_urlsafe(18)}),
            settings(
                "argocd-cmd-params-cm",
                {
                    "redis.server": f"{self.at(REDIS)}:6379",
                    "repo.server": f"{self.at(REPO)}:8081",
                },
            ),
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "AppProject",
                "metadata": {"name": "default"},
                "spec": {
                    "sourceRepos": ["*"],
                    "destinations": [{"namespace": "*", "server": "*"}],
                },
            },
        )

    def at(self, service: str) -> str:
        """The address of a Service."""
        assert self.space is not None
        found = self.core.read_namespaced_service(service, self.space.name)
        return str(found.spec.cluster_ip)

    def deliver_to(self, space: Namespace) -> None:
        """Let Argo CD in."""
        assert self.space is not None
        group = "rbac.authorization.k8s.io"
        everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        account = {
            "kind": "ServiceAccount",
            "name": CONTROLLER,
            "namespace": self.space.name,
        }
        named = {"apiVersion": f"{group}/v1", "metadata": {"name": CONTROLLER}}
        space.apply(
            {**named, "kind": "Role", "rules": [everything]},
            {
                **named,
                "kind": "RoleBinding",
                "roleRef": {"apiGroup": group, "kind": "Role", "name": CONTROLLER},
                "subjects": [account],
            },
        )
        self.delivered.append(space)
        self._let_in()

    def _let_in(self) -> None:
        """Tell Argo CD which namespaces of the cluster it is in are its business."""
        assert self.space is not None
        spaces = [space.name for space in self.delivered]
        cluster = secret(
            "cluster",
            {
                "name": "in-cluster",
                "server": "https://kubernetes.default.svc",
                "namespaces": ",".join(spaces),
                "clusterResources": "false",
                "config": '{"tlsClientConfig": {"insecure": false}}',
            },
        )
        cluster["metadata"]["labels"] = {"argocd.argoproj.io/secret-type": "cluster"}
        self.space.apply(cluster)

    def until_ready(self) -> None:
        """Wait for all its pods; their images may have to be pulled first. Raises
        StartFailed."""
        assert self.space is not None
        for app, service in BEHIND.items():
            self.space.until_ready(app, 1, service, within=START_S)

    def address(self) -> tuple[str, int]:
        """The API server's, through which it is spoken to."""
        return self.cluster.node.machine.address()

    def reach(self, other: Any) -> str:
        raise RuntimeUnavailable("Argo CD reaches what is in its cluster alone")

    def alive(self) -> bool:
        return self.space is not None and bool(
            self.space.apps.list_namespaced_stateful_set(self.space.name).items
        )

    def exit_reason(self) -> str:
        return "ended by signal SIGKILL"

    def logs(self) -> str:
        if self.space is None:
            return ""
        pods = [pod.name for app in (REPO, CONTROLLER) for pod in self.space.pods(app)]
        return "\n".join(map(self._log, pods))

    def _log(self, pod: str) -> str:
        assert self.space is not None
        try:
            return str(self.core.read_namespaced_pod_log(pod, self.space.name))
        except ApiException as error:  # it does not run yet, or any more
            return f"{pod}: {error.reason}"

    def stop(self) -> None:
        """At once: nothing in it is wanted again. What is left of its namespace ends
        with the cluster's others."""
        self.kill()

    def kill(self) -> None:
        """All its processes; the Git server, which has the data, goes on."""
        if self.space is not None and self.alive():
            for one in self._work:
                if one["metadata"]["name"] != GIT:
                    self.space.drop(one["metadata"]["name"], one["kind"])

    def renew(self) -> None:
        raise RuntimeUnavailable(NO_PAUSE)

    pause = resume = renew

    def signal(self, pid: int, name: str) -> None:
        raise RuntimeUnavailable(NO_PAUSE)

    def frozen(self) -> bool:
        return False

    def memory(self) -> int:
        return 0  # the cluster's has it


def settings(name: str, data: dict[str, str]) -> Manifest:
    """Argo CD looks at those alone that say that they are a part of it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": data,
    }


def secret(name: str, data: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": data,
    }
