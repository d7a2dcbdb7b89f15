"""A release of the shop, and what is under way in the pods that it replaces.

shops = shop.pods.Releases(lab.start(Kubernetes(images=[shop.pods.PYTHON])))
shops.deploy(way)              # version 1
with shops.checkouts(run, 7, 2):     # one in each of its pods
    shops.strike()             # what goes wrong today: a release, for one
    shops.watch()
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import faults
from ...history import History
from ...proof import Run
from ...servers.http import Refused
from ...wait import wait_until
from ..crowd import Crowd, at_once
from ..records import figure
from . import (
    PATIENCE_S,
    SHOP,
    Manifest,
    NoAnswer,
    container_of,
    files,
    named,
    pod_spec,
    probe,
    service,
    volume_of,
)

if TYPE_CHECKING:
    from ...servers.kubernetes import Kubernetes, Pod

PROGRAM = Path(__file__).with_name("leaving.py")
WAITS_S = 300  # for the answer to a checkout, which a release may take its time for
SOON_S = 60  # a deadline that is longer is not waited for
IN_VAIN = 5  # times that a new pod is asked whether it is ready, and then given up
PODS = 2


@dataclass(frozen=True)
class Way:
    """How the shop is released.

    strategy: the Deployment's `rollingUpdate`. pre_stop_s: seconds that its hook takes,
    0 for no hook. on_term: what the process does with SIGTERM, "exit" or "drain".
    grace_s, deadline_s, min_ready_s: the pod's `terminationGracePeriodSeconds`, the
    Deployment's `progressDeadlineSeconds` and `minReadySeconds`. undo: whether a
    release that is over its deadline is undone. released: whether anything is released
    at all.
    """

    strategy: Manifest = field(
        default_factory=lambda: {"maxUnavailable": "25%", "maxSurge": "25%"}
    )
    pre_stop_s: int = 0
    on_term: str = "exit"
    grace_s: int = 30
    deadline_s: int = 600
    min_ready_s: int = 0
    undo: bool = False
    released: bool = True

    @property
    def of_a_pod(self) -> tuple[int, str, int]:
        """What a pod is made of, and not the release."""
        return self.pre_stop_s, self.on_term, self.grace_s


class Releases:
    """cluster: started. wanted: the version that customers should see in the end."""

    def __init__(self, cluster: Kubernetes) -> None:
        self.space = cluster.namespace()
        self.space.apply(files(PROGRAM))
        self.app = ""
        self.wanted = ""
        self._number = 0
        self._release = ""  # how long version 2 stays ready; "" for no release

    def deploy(self, way: Way) -> None:
        """Version 1 in all pods, ready, and nothing left of what was there before.

        Pods that are what this way would make, and as they were made, stay."""
        stay = self._as_made(way)
        self._number += 1
        if not stay and self.app:
            self.space.drop(self.app)
        self.app = self.app if stay else f"release-{self._number}"
        self.way, self.wanted = way, "v1"
        self._apply("v1")
        self.space.apply(service(SHOP, self.app, {"port": 80, "targetPort": 8080}))
        self.space.until_ready(self.app, PODS, SHOP, within=120)

    def _as_made(self, way: Way) -> bool:
        if not self.app or self.way.of_a_pod != way.of_a_pod:
            return False
        found = self.space.pods(self.app)
        return len(found) == PODS and all(
            pod.version == "v1"
            and pod.ready
            and not (pod.restarts or pod.leaving)
            and self._desk(pod.name, "anew")
            for pod in found
        )

    def _apply(self, version: str, ready: str = "always") -> None:
        # of today: what a release makes was not there before
        day = f"{self._number}" if version != "v1" else ""
        self.space.apply(deployment(self.app, version, ready, self.way, day=day))

    # --- what goes wrong: a release, to those whose requests are under way ---

    def released(self, ready: str = "always") -> faults.Fault:
        """Version 2 is released when the schedule strikes. Meter: pods of it that were
        seen since.

        ready: "always", "never" or "for a moment", after which it crashes: as soon as
        the Deployment has taken note that it is ready.
        """

        def body() -> faults.Body:
            self._release = ready
            self._seen: set[str] = set()
            try:
                # a way that releases nothing is refused by what it is for
                yield lambda: len(self._seen) if self.way.released else 1
            finally:
                self._release = ""

        return faults.Fault("release", body)

    def strike(self) -> None:
        """If there is a release today, it begins."""
        if not self._release:
            return
        self.wanted = "v2" if self._release == "always" else "v1"
        if self.way.released:
            self._apply("v2", self._release)

    def watch(self) -> str:
        """Wait until the release is "complete" or "late", which means that it is over
        its deadline; or "stuck": its deadline is far, and its pods were asked in vain
        for long."""
        return self.space.until(self._state, self.app, "come to an end", within=180)

    def undo(self) -> str:
        """Back to version 1, as `kubectl rollout undo` does; "complete" at its end."""
        self._apply("v1")
        self.space.until(
            # for a moment it still says that what was undone is late
            lambda: self._state() == "complete",
            self.app,
            "come back to version 1",
            within=120,
        )
        return "complete"

    def _state(self) -> str:
        told = self.space.apps.read_namespaced_deployment(self.app, self.space.name)
        at = told.status
        pods = self.space.pods(self.app)
        if self._release:
            self._seen |= {pod.name for pod in pods if pod.version == "v2"}
        if told.metadata.generation != at.observed_generation:
            return ""
        if self._release == "for a moment" and self._crash(pods, at):
            return "complete"
        if at.updated_replicas == at.available_replicas == at.replicas == PODS:
            return "complete"
        for said in at.conditions or []:
            if said.reason == "ProgressDeadlineExceeded":
                return "late"
        if self.way.deadline_s <= SOON_S:
            return ""
        new = [p for p in pods if p.version == "v2" and not p.ready]
        asked = [self._desk(pod.name).get("asked", 0) for pod in new]
        return "stuck" if asked and min(asked) >= IN_VAIN else ""

    def _crash(self, pods: Sequence[Pod], at: Any) -> bool:
        """End version 2 where the Deployment has noted that it is ready: it has an old
        pod leave for it, or says that it is ready and not yet available. Whether no
        pod is left that works."""
        staying = [pod for pod in pods if not pod.leaving]
        old = [pod for pod in staying if pod.version == "v1"]
        well = [pod for pod in staying if pod.version == "v2" and pod.ready]
        if len(old) < PODS or (at.ready_replicas or 0) > (at.available_replicas or 0):
            for pod in well:
                self._desk(pod.name, "crash")
        return not old and not well

    @contextlib.contextmanager
    def checkouts(self, run: Run, seconds: float, late_s: float) -> Iterator[None]:
        """In each pod a checkout is under way, which needs so long once the pod is told
        to leave; and to each a router sends one more, which needs as long, when the pod
        has been leaving for `late_s` and the router has not heard of it. The block's
        end is the end of the release."""
        old = [pod.name for pod in self.space.pods(self.app)]
        over = threading.Event()
        with Crowd(within=60) as crowd:
            for number, pod in enumerate(old, start=1):
                crowd.send(self._checkout, run, number, pod, seconds)
                sent = crowd.send(self._late, pod, late_s, seconds)
                crowd.send(self._route, run, number, pod, sent, over)
            wait_until(
                lambda: all(
                    told.get("under way") and told.get("routed")
                    for told in map(self._desk, old)
                ),
                30,
                "no checkout is under way, or no router is there",
            )
            try:
                yield
                wait_until(
                    lambda: self._know(old), 60, "a pod does not hear that it leaves"
                )
            finally:
                over.set()

    def _checkout(self, run: Run, number: int, pod: str, seconds: float) -> None:
        called = run.call(f"buyer {number}", "checkout", "basket")
        with contextlib.suppress(NoAnswer), called:
            self._ask(f"{pod}:8080", f"checkout?{seconds}", "pods", timeout=WAITS_S)

    def _late(self, pod: str, late_s: float, seconds: float) -> bool:
        """Whether the late checkout is answered."""
        try:
            self._ask(
                f"{pod}:8081", f"late?{late_s},{seconds}", "pods", timeout=WAITS_S
            )
        except NoAnswer:
            return False
        return True

    def _route(
        self,
        run: Run,
        number: int,
        pod: str,
        sent: Future[bool],
        over: threading.Event,
    ) -> None:
        wait_until(
            lambda: over.is_set() or self._leaves(pod), 200, "the release did not end"
        )
        if over.is_set():
            self._desk(pod, "finish")  # of a pod that stays
        called = run.call(f"late router {number}", "checkout", "late")
        with contextlib.suppress(NoAnswer), called:
            if not sent.result(60):
                raise NoAnswer("no answer")

    def _know(self, names: Sequence[str]) -> bool:
        """Whether each of these pods stays, knows that it leaves, or is gone."""
        leave = {pod.name for pod in self.space.pods(self.app) if pod.leaving}
        return all(self._desk(name).get("leaving") for name in names if name in leave)

    def _leaves(self, name: str) -> bool:
        """Whether a pod says so, or cannot any more."""
        if now := self._desk(name):
            return now["leaving"]
        pods = self.space.pods(self.app)
        return all(pod.leaving for pod in pods if pod.name == name)

    def says(self) -> list[dict[str, str]]:
        """What the Deployment says of itself."""
        told = self.space.apps.read_namespaced_deployment(self.app, self.space.name)
        found = sorted(told.status.conditions, key=lambda said: said.type)
        return [
            {"condition": said.type, "status": said.status, "reason": said.reason}
            for said in found
        ]

    def sent_away(self, ways: Sequence[Way], seconds: float) -> list[int]:
        """Of one pod for each way, all side by side: 1 where a checkout is answered
        that needs so long when its pod is told to leave, else 0."""
        self._number += 1
        apps = [f"away-{self._number}-{number}" for number, _ in enumerate(ways)]
        for app, way in zip(apps, ways, strict=True):
            self.space.apply(deployment(app, "v1", "always", way, pods=1))
        for app in apps:
            self.space.until(
                lambda app=app: [pod for pod in self.space.pods(app) if pod.ready],  # type: ignore[misc]
                app,
                "get ready",
            )
        pods = [self.space.pods(app)[0].name for app in apps]
        answered = [0] * len(ways)

        def buy(number: int) -> None:
            with contextlib.suppress(NoAnswer):
                path = f"checkout?{seconds}"
                self._ask(f"{pods[number]}:8080", path, "pods", timeout=60)
                answered[number] = 1

        with Crowd(within=60) as crowd:
            for number, _ in enumerate(ways):
                crowd.send(buy, number)
            wait_until(
                lambda: all(self._desk(pod).get("under way") for pod in pods),
                30,
                "no checkout is under way",
            )
            for pod, way in zip(pods, ways, strict=True):
                self.space.end(pod, way.grace_s)
        for app in apps:
            self.space.drop(app)
        return answered

    def rush(self, run: Run, customers: int, when: str) -> None:
        """So many customers open a page at once, as soon as the Service leads to all
        pods that are ready; each is recorded, with the version that is shown, and
        before them how many pods these are."""
        wait_until(self._routed, 30, "the Service leads to other pods than are ready")
        figure(run, "release", "ready", len(self._ready()))

        def visit(number: int) -> None:
            called = run.call(f"customer {number}", "read", when, wanted=self.wanted)
            with contextlib.suppress(NoAnswer), called as op:
                op.value = self._ask(f"{SHOP}:80", "page", timeout=PATIENCE_S)

        at_once(range(1, customers + 1), visit)

    def _ready(self) -> set[str]:
        found = self.space.pods(self.app)
        return {pod.name for pod in found if pod.ready and not pod.leaving}

    def _routed(self) -> bool:
        return self.space.leads_to(SHOP, self._ready())

    def audit(self, run: Run, ended: str) -> None:
        """Whether the release, which ended so, is left half done."""
        figure(run, "release", "half done", int(ended != "complete"))

    def _ask(
        self, target: str, path: str, sort: str = "services", *, timeout: float
    ) -> str:
        try:
            told = self.space.ask(target, path, sort=sort, timeout=timeout)
            return told.ok().json()["version"]
        except (OSError, Refused) as error:
            # which words, is luck: cut, refused, or no pod of that name any more
            raise NoAnswer("no answer") from error

    def _desk(self, pod: str, path: str = "") -> dict[str, Any]:
        """What a pod tells of itself; nothing when it does not answer."""
        try:
            told = self.space.ask(f"{pod}:8081", path, sort="pods", timeout=2)
        except OSError:
            return {}
        return told.json() if told.status == 200 else {}


def deployment(
    app: str, version: str, ready: str, way: Way, pods: int = PODS, day: str = ""
) -> Manifest:
    env = {"VERSION": version, "ON_TERM": way.on_term, "READY": ready, "DAY": day}
    # a pod that gets no processor for a while is not missing
    ready_probe = probe("/process", failureThreshold=3)
    container = container_of(PROGRAM, env, {"readinessProbe": ready_probe})
    if way.pre_stop_s:
        leave = {"path": f"/leave?{way.pre_stop_s}", "port": 8081}
        container["lifecycle"] = {"preStop": {"httpGet": leave}}
    scratch = {"name": "scratch", "mountPath": "/scratch"}
    container["volumeMounts"].append(scratch)
    labels = {"app": app, "version": version}
    return {
        **named("apps/v1", "Deployment", app),
        "spec": {
            "replicas": pods,
            "progressDeadlineSeconds": way.deadline_s,
            "minReadySeconds": way.min_ready_s,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": way.strategy},
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    **pod_spec(),
                    "terminationGracePeriodSeconds": way.grace_s,
                    "containers": [container],
                    "volumes": [
                        volume_of(PROGRAM),
                        {"name": "scratch", "emptyDir": {}},
                    ],
                },
            },
        },
    }


def told(history: History) -> dict[str, int]:
    """Who got no answer: whose checkout was under way, whose a router sent late, and
    customers."""

    def lost(client: str) -> int:
        return sum(
            op.outcome != "ok"
            for op in history.ops(inner=False)
            if op.client.startswith(client)
        )

    return {
        "checkouts cut": lost("buyer"),
        "late checkouts": lost("late router"),
        "customers": lost("customer"),
    }
