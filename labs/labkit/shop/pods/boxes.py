"""A box for the shop in pods: a namespace whose quota says how much they may ask for.

    box = Box(cluster, PROGRAM, {"limits.memory": "288Mi"})
    pods = box.deploy("shop", 2, {"limits": {"memory": "96Mi"}}, env)

A quota stands for the machine that one can pay for. It counts what pods ask for, as a
scheduler does, and not what they use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...servers.http import Refused
from . import Manifest, NoAnswer, container_of, files, named, pod_spec, probe, volume_of

if TYPE_CHECKING:
    from ...servers.kubernetes import Kubernetes, Namespace

NO_ROOM = "no room in the box"  # for a pod that was wanted
START_S = 120  # that a start may take


class Box:
    """A fresh namespace with a quota, and one program in pods.

    quota: of what pods ask for, by Kubernetes' names ("limits.memory"). A pod that does
    not say how much it asks for is refused, as is one for which there is no room.
    """

    def __init__(
        self, cluster: Kubernetes, program: Path, quota: Mapping[str, str]
    ) -> None:
        self.space: Namespace = cluster.namespace()
        self.program = program
        made = named("v1", "ResourceQuota", "box")
        self.space.apply({**made, "spec": {"hard": dict(quota)}}, files(program))
        self.space.until(self._counts, "box", "begin to count", within=60)

    def _counts(self) -> bool:
        """Until the quota has looked, every pod is refused."""
        told = self.space.core.read_namespaced_resource_quota("box", self.space.name)
        return bool(told.status.hard)

    def deploy(
        self,
        app: str,
        pods: int,
        resources: Mapping[str, Mapping[str, str]],
        env: Mapping[str, str],
    ) -> list[str]:
        """So many pods with these requests and limits; the names of those that there
        is room for, once they are ready."""
        self.space.apply(self.deployment(app, pods, resources, env))

        def settled() -> bool:
            refused = self._refuses(app)  # first: then all others have been made
            found = self.space.pods(app)
            up = sum(pod.ready for pod in found)
            return up == pods or (refused and up == len(found))

        self.space.until(settled, app, "get ready", within=START_S)
        return [pod.name for pod in self.space.pods(app)]

    def _refuses(self, app: str) -> bool:
        """Whether a pod was refused by the quota, which no waiting changes."""
        told = self.space.apps.read_namespaced_deployment(app, self.space.name)
        return any(
            said.type == "ReplicaFailure" and "quota" in said.message
            for said in told.status.conditions or []
        )

    def deployment(
        self,
        app: str,
        pods: int,
        resources: Mapping[str, Mapping[str, str]],
        env: Mapping[str, str],
    ) -> Manifest:
        # asked until it is there, and never again: a probe is work, too
        once = probe("/process", failureThreshold=START_S)
        more = {"startupProbe": once, "resources": dict(resources)}
        return {
            **named("apps/v1", "Deployment", app),
            "spec": {
                "replicas": pods,
                "selector": {"matchLabels": {"app": app}},
                "template": {
                    "metadata": {"labels": {"app": app}},
                    "spec": {
                        **pod_spec(),
                        "containers": [container_of(self.program, env, more)],
                        "volumes": [volume_of(self.program)],
                    },
                },
            },
        }

    def ask(self, pod: str, path: str, timeout: float) -> dict[str, Any]:
        """What a customer of one pod is answered. Raises NoAnswer."""
        try:
            told = self.space.ask(f"{pod}:8080", path, sort="pods", timeout=timeout)
            return told.ok().json()
        except (OSError, Refused) as error:
            # which words, is luck: cut, refused, or no process yet
            raise NoAnswer("no answer") from error

    def desk(self, pod: str, path: str = "") -> dict[str, Any]:
        """What a pod tells of itself; nothing when it does not answer."""
        try:
            told = self.space.ask(f"{pod}:8081", path, sort="pods", timeout=5)
        except OSError:
            return {}
        return told.json() if told.status == 200 else {}


def in_turn(pods: Sequence[str], number: int) -> str:
    """The pod to which the customer of this number is led. Raises NoAnswer."""
    if not pods:
        raise NoAnswer("no pod")
    return pods[number % len(pods)]
