"""Kubernetes: a cluster of one node, and namespaces in it that are the lab's own.

It is spoken to through a kubeconfig and the official client alone, and so it may be K3s
in a container or a cluster of the reader's (LABS_KUBECONFIG).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.rest import ApiException

from ...runtimes import Runtime, RuntimeUnavailable
from ...runtimes.cleaner import LABEL, in_cluster
from ..base import Node, Server
from .api import get
from .namespace import Namespace, Pod
from .own import VARIABLE, OwnCluster

__all__ = ["Cluster", "Kubernetes", "Namespace", "Pod"]

ELSEWHERE = (
    "Kubernetes needs Linux containers: start Docker and use LABS_RUNTIME=containers, "
    f"or name the kubeconfig of a cluster of your own: {VARIABLE}=~/.kube/config"
)
CONNECTIONS = 64  # at once, to the API server
METRICS = "/apis/metrics.k8s.io/v1beta1"
NO_METRICS = (
    f"The cluster of {VARIABLE} has no metrics-server, without which its autoscaler "
    "sees nothing. Install it (minikube addons enable metrics-server; kind and Docker "
    "Desktop: the manifest of kubernetes-sigs/metrics-server, with "
    f"--kubelet-insecure-tls), or unset {VARIABLE}: K3s is then started in a container"
)


class Cluster(Node):
    """The API server, and the node behind it. `api` is the official client."""

    api: Any = None

    def answers(self) -> bool:
        """Whether the API server answers and a node is ready for pods."""
        try:
            if self.api is None:
                self.api = client.ApiClient(self.configured())
            if get(self.api, "/readyz").status != 200:
                return False
            nodes = self.core.list_node(_request_timeout=5).items
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return False
        return any(
            said.type == "Ready" and said.status == "True"
            for node in nodes
            for said in node.status.conditions or []
        )

    @property
    def core(self) -> Any:
        """The official client of what every cluster has."""
        return client.CoreV1Api(self.api)

    def configured(self) -> Any:
        told = client.Configuration()
        machine: Any = self.machine
        config.kube_config.KubeConfigLoader(machine.kubeconfig()).load_and_set(told)
        told.connection_pool_maxsize = CONNECTIONS
        told.retries = False  # a client sees what happened, and at once
        if self.machine.address()[0] == "127.0.0.1":
            told.proxy = None  # a reader's own
        return told

    def forget(self) -> None:
        if self.api is not None:
            self.api.close()
            self.api = None


class Kubernetes(Server[Cluster]):
    """A cluster for a lab. images: of its pods, which K3s is handed by the engine.
    metrics: whether its autoscaler is wanted, and so a metrics-server.

    Where LABS_KUBECONFIG names a kubeconfig, that cluster is used, and pulls the images
    itself. Nothing in it is touched but namespaces made by `namespace`, which end with
    the lab. Otherwise K3s is started in a container. `start` raises RuntimeUnavailable
    where neither is to be had, or the cluster lacks the metrics-server that is wanted.
    """

    package = __name__
    product = "Kubernetes"

    def __init__(self, images: Sequence[str] = (), metrics: bool = False) -> None:
        super().__init__()
        self.images = tuple(images)
        self.metrics = metrics
        self.namespaces: list[Namespace] = []
        self._numbers = itertools.count(1)

    def attach(self, runtime: Runtime) -> None:
        if path := os.environ.get(VARIABLE):
            machine: Any = OwnCluster(runtime, path)
        elif runtime.has(self.package):
            machine = runtime.machine(
                self.package, "cluster", images=self.images, metrics=self.metrics
            )
        else:
            raise RuntimeUnavailable(ELSEWHERE)
        self._prefix = in_cluster(runtime.session.id)
        self.node = Cluster(machine)
        self.nodes = [self.node]

    def start(self) -> None:
        super().start()
        # K3s' own comes up by itself, some seconds after its node
        theirs = isinstance(self.node.machine, OwnCluster)
        if theirs and self.metrics and get(self.node.api, METRICS).status != 200:
            raise RuntimeUnavailable(NO_METRICS)

    def namespace(self) -> Namespace:
        """A new one, empty, that ends with the lab."""
        name = f"{self._prefix}-{next(self._numbers)}"
        made = Namespace(self.node.api, name, {LABEL: self._prefix})
        self.namespaces.append(made)
        return made

    def stop(self) -> None:
        while self.namespaces and isinstance(self.node.machine, OwnCluster):
            self.namespaces.pop().delete()
        super().stop()

    def version(self) -> str:
        """ "1.36.1+k3s1" """
        return client.VersionApi(self.node.api).get_code().git_version.lstrip("v")
