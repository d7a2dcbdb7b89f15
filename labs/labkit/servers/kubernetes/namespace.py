"""One namespace: what is in it, and what its pods answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kubernetes import client
from kubernetes.client.rest import ApiException
from kubernetes.stream import stream

from ...runtimes import RuntimeUnavailable, StartFailed
from ...wait import TimedOut, wait_until
from ..http import Answer
from .api import get

T = TypeVar("T")

NOT_PULLED = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
APPLY = "application/apply-patch+yaml"
AT_ONCE = {"grace_period_seconds": 0, "propagation_policy": "Background"}


@dataclass(frozen=True)
class Pod:
    """A pod with one container, as the API server tells of it.

    version: its label of that name. ready: whether its Service leads to it. leaving:
    whether it was told to end. restarts: of its container. waits: why the container
    does not run ("CrashLoopBackOff"), or ""; said: more about that. ended: reason and
    exit status of the container before this one, or None.
    """

    name: str
    app: str
    version: str
    ready: bool
    leaving: bool
    restarts: int
    waits: str
    said: str
    ended: tuple[str, int] | None

    @classmethod
    def of(cls, told: Any) -> Pod:
        status = next(iter(told.status.container_statuses or []), None)
        waiting = status and status.state.waiting
        ended = status and status.last_state.terminated
        labels = told.metadata.labels or {}
        return cls(
            told.metadata.name,
            labels.get("app", ""),
            labels.get("version", ""),
            any(
                said.type == "Ready" and said.status == "True"
                for said in told.status.conditions or []
            ),
            told.metadata.deletion_timestamp is not None,
            status.restart_count if status else 0,
            (waiting.reason or "") if waiting else "",
            (waiting.message or "") if waiting else "",
            (ended.reason or "", ended.exit_code) if ended else None,
        )


class Namespace:
    """Made empty, with its account, without which pods are refused.

    name, labels: as the cluster knows it. core, apps, scaling, custom: the official
    clients.
    Raises RuntimeUnavailable where this user may make none.
    """

    def __init__(self, api: Any, name: str, labels: Mapping[str, str]) -> None:
        self.api = api
        self.name = name
        self.core = client.CoreV1Api(api)
        self.apps = client.AppsV1Api(api)
        self.scaling = client.AutoscalingV2Api(api)
        self.custom = client.CustomObjectsApi(api)
        self.slices = client.DiscoveryV1Api(api)
        body = {"metadata": {"name": name, "labels": dict(labels)}}
        try:
            self.core.create_namespace(body)
        except ApiException as error:
            raise RuntimeUnavailable(
                f"The cluster does not let this user make a namespace: {error.status} "
                f"{error.reason}. Name the kubeconfig of one who may: LABS_KUBECONFIG"
            ) from error
        wait_until(self._has_account, 30, f"{name} got no account for its pods")

    def _has_account(self) -> bool:
        try:
            return bool(self.core.read_namespaced_service_account("default", self.name))
        except ApiException:
            return False

    def delete(self) -> None:
        """Have it end, with all that is in it; nobody waits for that."""
        try:
            self.core.delete_namespace(self.name, grace_period_seconds=0)
        except ApiException as error:
            if error.status not in (404, 409):
                raise

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Make or change objects, as `kubectl apply --server-side` does."""
        for manifest in manifests:
            group, _, version = manifest["apiVersion"].rpartition("/")
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            as_applied = {
                "field_manager": "labs",
                "force": True,
                "_content_type": APPLY,
            }
            if group:
                self.custom.patch_namespaced_custom_object(
                    group,
                    version,
                    self.name,
                    plural(kind),
                    name,
                    manifest,
                    **as_applied,
                )
            else:
                patch = getattr(self.core, f"patch_namespaced_{snake_case(kind)}")
                patch(name, self.name, manifest, **as_applied)

    def scale(self, app: str, pods: int) -> None:
        """Have a Deployment want so many pods, as `kubectl scale` does."""
        body = {"spec": {"replicas": pods}}
        self.apps.patch_namespaced_deployment_scale(app, self.name, body)

    def drop(self, app: str, kind: str = "Deployment") -> None:
        """Have a Deployment end, or another kind that has pods, its pods killed."""
        self.custom.delete_namespaced_custom_object(
            "apps", "v1", self.name, plural(kind), app, body=AT_ONCE
        )
        for pod in self.pods(app):
            self.end(pod.name)

    def end(self, pod: str, grace: int = 0) -> None:
        """Have a pod end; what its Deployment wants is then made anew."""
        try:
            self.core.delete_namespaced_pod(pod, self.name, grace_period_seconds=grace)
        except ApiException as error:
            if error.status != 404:
                raise

    def pods(self, app: str) -> list[Pod]:
        """In order of their names; those that leave are among them."""
        told = self.core.list_namespaced_pod(self.name, label_selector=f"app={app}")
        return sorted(map(Pod.of, told.items), key=lambda pod: pod.name)

    def behind(self, service: str) -> set[str]:
        """The names of the pods to which a Service leads."""
        told = self.slices.list_namespaced_endpoint_slice(
            self.name, label_selector=f"kubernetes.io/service-name={service}"
        )
        return {
            one.target_ref.name
            for piece in told.items
            for one in piece.endpoints or []
            if one.conditions and one.conditions.ready
        }

    def leads_to(self, service: str, pods: set[str]) -> bool:
        """Whether a Service leads to these pods, by both lists that a cluster keeps:
        which of them its API server goes by depends on its version."""
        try:
            told = self.core.read_namespaced_endpoints(service, self.name)
        except ApiException:
            return False
        older = {
            address.target_ref.name
            for subset in told.subsets or []
            for address in subset.addresses or []
        }
        return older == pods == self.behind(service)

    def events(self) -> list[Any]:
        """What the cluster says of the objects in it, oldest first."""
        found = self.core.list_namespaced_event(self.name).items
        return sorted(found, key=lambda event: event.metadata.creation_timestamp)

    def until(
        self, condition: Callable[[], T], app: str, what: str, within: float = 60
    ) -> T:
        """Wait for a state of pods.

        Raises StartFailed when one of them has an image that cannot be had, and
        TimedOut, with how they stand, when the bound expires.
        """

        def pulled_and_true() -> T:
            value = condition()
            if not value:
                self._refuse_unpulled(app)
            return value

        def late() -> str:
            return f"{app} did not {what}: {self.pods(app)}"

        return wait_until(pulled_and_true, within, late)

    def _refuse_unpulled(self, app: str) -> None:
        for pod in self.pods(app):
            if pod.waits in NOT_PULLED:
                raise StartFailed(
                    f"The cluster cannot pull an image for {app} ({pod.waits}): "
                    f"{pod.said[:300]}. Load it into the cluster (kind load "
                    "docker-image, minikube image load), or let its nodes reach the "
                    "registry"
                )

    def until_ready(
        self, app: str, pods: int, service: str = "", within: float = 60
    ) -> None:
        """Wait until so many pods are ready, no other is there, and a Service, of the
        same name unless told, leads to them alone. Raises StartFailed."""

        def ready() -> bool:
            found = self.pods(app)
            return len(found) == sum(p.ready for p in found) == pods

        def led_to() -> bool:
            return self.leads_to(service or app, {p.name for p in self.pods(app)})

        try:
            self.until(ready, app, "get ready", within)
            wait_until(led_to, within, f"{service or app} leads elsewhere")
        except TimedOut as error:
            raise StartFailed(str(error)) from error

    def ask(
        self, target: str, path: str = "", *, timeout: float = 5, sort: str = "services"
    ) -> Answer:
        """GET through the API server, which leads to one of a Service's ready pods.

        target: "shop:80". sort: "services", or "pods" for one of them, ready or not.
        Raises OSError (TimeoutError is one) when no answer comes in time.
        """
        place = f"/api/v1/namespaces/{self.name}/{sort}/{target}/proxy/{path}"
        answer = get(self.api, place, timeout)
        return replace(answer, text=told(answer.text))

    def run(self, pod: str, *words: str) -> str:
        """What a command prints that is run in a pod, errors too."""
        # of its own: while it runs, `stream` turns all that its client does into such
        with client.ApiClient(self.api.configuration) as api:
            return stream(
                client.CoreV1Api(api).connect_get_namespaced_pod_exec,
                pod,
                self.name,
                command=list(words),
                stdout=True,
                stderr=True,
                stdin=False,
                tty=False,
            )


def plural(kind: str) -> str:
    """As addresses of the API have the kinds that labs use."""
    return f"{kind.lower()}s"


def snake_case(kind: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", kind).lower()


def told(text: str) -> str:
    """The API server's own error as other servers tell theirs, without addresses,
    which differ."""
    try:
        said = json.loads(text)
    except ValueError:
        return text
    if not isinstance(said, dict) or said.get("kind") != "Status":
        return text
    message = str(said.get("message", ""))
    return json.dumps({"error": re.sub(r" \d+\.\d+\.\d+\.\d+:\d+", "", message)})
