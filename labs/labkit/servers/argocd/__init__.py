"""Argo CD: it makes a cluster what a Git repository says, and goes on looking.

    argo = lab.start(ArgoCD(Kubernetes(images=[shop.pods.PYTHON])))
    space = argo.namespace()
    revision = argo.commit("version 1", {"a/shop.yaml": yaml.safe_dump_all(manifests)})
    argo.deliver("shop-a", "a", space, automated={"selfHeal": True})
    argo.settled("shop-a", revision)

Its parts and the Git server run as pods, in a namespace of the lab's own. It delivers
into the namespaces that `ArgoCD.namespace` has made, and is let into no other.
"""

from __future__ import annotations

import base64
import itertools
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes.client.rest import ApiException

from ...runtimes import Runtime
from ...wait import wait_until
from ..base import Node, Server
from ..kubernetes import Kubernetes, Namespace
from .pods import CONTROLLER, GIT, IMAGES, Pods

__all__ = ["IMAGES", "ArgoCD", "Delivery"]

GROUP, VERSION = "argoproj.io", "v1alpha1"
APPLICATIONS = "applications"
REPOSITORY = "/git/shop"  # in the Git server's pod
REFRESH = "argocd.argoproj.io/refresh"
SETTLES_S = 90  # with new pods, on a busy machine
UNHEARD_S = 15


@dataclass(frozen=True)
class Delivery:
    """How an Application stands, as Argo CD tells.

    sync: "Synced", "OutOfSync" or "Unknown". health: "Healthy", "Progressing",
    "Degraded" or "Missing". revision: the commit that the cluster was last compared
    with. operation: the phase of the last sync, "" before the first ("Succeeded",
    "Running", "Failed", "Error"); said: what it or a comparison had to say. healed: how
    often in a row Argo CD has made the cluster again what it was. looked: it was not
    asked to look since it last did.
    """

    sync: str
    health: str
    revision: str
    operation: str
    said: str
    healed: int
    looked: bool

    @classmethod
    def of(cls, told: dict[str, Any]) -> Delivery:
        status = told.get("status", {})
        last = status.get("operationState", {})
        said = [last.get("message", "")]
        said += [one["message"] for one in status.get("conditions", [])]
        heals = last.get("operation", {}).get("sync", {})
        return cls(
            status.get("sync", {}).get("status", "Unknown"),
            status.get("health", {}).get("status", "Missing"),
            status.get("sync", {}).get("revision", ""),
            "Running" if "operation" in told else last.get("phase", ""),
            "; ".join(filter(None, said)),
            heals.get("autoHealAttemptsCount", 0),
            REFRESH not in told["metadata"].get("annotations", {}),
        )


class Controller(Node):
    def ready(self) -> None:
        machine: Any = self.machine
        machine.until_ready()

    def answers(self) -> bool:
        return self.alive()


class ArgoCD(Server[Controller]):
    """cluster: where it runs, and what it delivers to.

    `start` raises RuntimeUnavailable where the cluster has an Argo CD already, or does
    not let this user define the kinds that it is told by.
    """

    package = __name__
    product = "Argo CD"

    def __init__(self, cluster: Kubernetes) -> None:
        super().__init__(cluster)
        self.cluster = cluster
        new = [image for image in IMAGES if image not in cluster.images]
        cluster.images = (*cluster.images, *new)

    def attach(self, runtime: Runtime) -> None:
        self.pods = Pods(runtime, "argocd", self.cluster)
        self.node = Controller(self.pods)
        self.nodes = [self.node]

    @property
    def space(self) -> Namespace:
        """In which it runs itself."""
        assert self.pods.space is not None, "Argo CD is not started"
        return self.pods.space

    def version(self) -> str:
        """ "3.5.7" """
        (pod,) = self.space.pods(CONTROLLER)
        said = self.space.run(pod.name, "argocd", "version", "--client", "--short")
        return said.partition(": v")[2].partition("+")[0].strip()

    def namespace(self) -> Namespace:
        """A new one, empty, into which Argo CD may deliver."""
        made = self.cluster.namespace()
        self.pods.deliver_to(made)
        return made

    # --- Git ---

    def commit(self, message: str, files: Mapping[str, str | None]) -> str:
        """Commit files to `main`, by their path, None for one that goes; have Argo CD
        look at once, as a Git server's webhook does. Returns the revision.

        All together they may have some hundred kilobytes.
        """
        done = [f"git rm -qr {shlex.quote(p)}" for p, text in files.items() if not text]
        for path, text in files.items():
            if text:
                name, inside = shlex.quote(path), base64.b64encode(text.encode())
                done.append(f"mkdir -p $(dirname {name})")
                done.append(f"echo {inside.decode()} | base64 -d > {name}")
        done.append("git add -A")
        done.append(f"git commit -q --allow-empty -m {shlex.quote(message)}")
        return self._change(*done)

    def revert(self, revision: str = "HEAD") -> str:
        """`git revert` of a commit, the last one unless told; as `commit` otherwise."""
        return self._change(f"git revert --no-edit {revision} > /dev/null")

    def log(self) -> list[tuple[str, str]]:
        """The commits of `main`, newest first: revision and message."""
        said = self._git("git log --format='%H %s'").splitlines()
        return [(line.partition(" ")[0], line.partition(" ")[2]) for line in said]

    def show(self) -> str:
        """`git show --stat` of the last commit: its message, and what it changes."""
        return self._git("git show --stat=60 --format=%s")

    def _change(self, *commands: str) -> str:
        revision = self._git(*commands, "git rev-parse HEAD")
        self.refresh()
        return revision

    def _git(self, *commands: str) -> str:
        """What commands print that are run in the repository. Raises ValueError with
        that when one fails."""
        (pod,) = self.space.pods(GIT)
        script = " && ".join((f"cd {REPOSITORY}", *commands, "echo done"))
        said = self.space.run(pod.name, "sh", "-c", script).strip()
        if not said.endswith("done"):
            raise ValueError(f"Git: {said}")
        return said.removesuffix("done").strip()

    # --- Applications ---

    def deliver(
        self, name: str, path: str, space: Namespace, **policy: Mapping[str, Any]
    ) -> None:
        """Have Argo CD deliver a folder of the repository into a namespace: make or
        change an Application. policy: its spec's other fields (`syncPolicy={...}`)."""
        source = {
            "repoURL": f"git://{self.pods.at(GIT)}/shop",
            "path": path,
            "targetRevision": "main",
            "directory": {"recurse": True},
        }
        to = {"server": "https://kubernetes.default.svc", "namespace": space.name}
        spec = {"project": "default", "source": source, "destination": to, **policy}
        made = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Application",
            "metadata": {"name": name},
            "spec": spec,
        }
        at = (GROUP, VERSION, self.space.name, APPLICATIONS)
        try:
            self.space.custom.create_namespaced_custom_object(*at, made)
        except ApiException as error:
            if error.status != 409:
                raise
            # whole: what an application has no more must not stay
            self._patch(name, [{"op": "replace", "path": "/spec", "value": spec}])

    def applications(self) -> list[str]:
        told = self.space.custom.list_namespaced_custom_object(
            GROUP, VERSION, self.space.name, APPLICATIONS
        )
        return [one["metadata"]["name"] for one in told["items"]]

    def refresh(self, *names: str, how: str = "normal") -> None:
        """Have Argo CD compare with Git now; all applications unless told."""
        asked = {"metadata": {"annotations": {REFRESH: how}}}
        for name in names or self.applications():
            self._patch(name, asked)

    def sync(self, name: str, revision: str, **more: Any) -> None:
        """Begin a sync, as `argocd app sync` does. more: of its fields."""
        sync = {"revision": revision, "syncStrategy": {"apply": {}}, **more}
        self._patch(name, {"operation": {"sync": sync}})

    def _patch(self, name: str, body: Any) -> None:
        sort = "json-patch" if isinstance(body, list) else "merge-patch"
        self.space.custom.patch_namespaced_custom_object(
            GROUP,
            VERSION,
            self.space.name,
            APPLICATIONS,
            name,
            body,
            _content_type=f"application/{sort}+json",
        )

    def told(self, name: str) -> dict[str, Any]:
        """An Application as the cluster has it."""
        got = self.space.custom.get_namespaced_custom_object(
            GROUP, VERSION, self.space.name, APPLICATIONS, name
        )
        return dict(got)

    def state(self, name: str) -> Delivery:
        return Delivery.of(self.told(name))

    def until(
        self,
        name: str,
        condition: Callable[[Delivery], object],
        what: str,
        within: float = SETTLES_S,
    ) -> Delivery:
        """Wait for a state of an Application. Raises TimedOut with the one it has.

        A request to look was seen to stay unheard for 90 seconds, and one that came
        before the Git server was there fails. It is made again, in the other of the two
        ways, since the same words would change nothing.
        """
        ways = itertools.cycle(("hard", "normal"))
        due = time.monotonic() + UNHEARD_S

        def found() -> Delivery | None:
            nonlocal due
            state = self.state(name)
            if condition(state):
                return state
            failed = state.sync == "Unknown"  # it would look again in minutes
            if (failed or not state.looked) and time.monotonic() > due:
                self.refresh(name, how=next(ways))
                due = time.monotonic() + UNHEARD_S
            return None

        def late() -> str:
            return f"{name} did not {what}: {self.state(name)}"

        return wait_until(found, within, late)  # type: ignore[return-value]

    def settled(self, name: str, revision: str, within: float = SETTLES_S) -> Delivery:
        """Wait until the cluster is what a revision says, and well."""
        return self.until(
            name,
            lambda now: (
                now.revision == revision
                and (now.sync, now.health) == ("Synced", "Healthy")
                and now.operation != "Running"
            ),
            "settle",
            within,
        )

    def metrics(self) -> str:
        """What its controller tells Prometheus."""
        return self.space.ask("argocd-metrics:8082", "metrics").ok().text
