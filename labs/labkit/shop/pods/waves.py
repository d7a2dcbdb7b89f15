"""A wave of customers, and the pods that come before it, with it, or after it.

shops = shop.pods.Waves(lab.start(Kubernetes(images=[shop.pods.PYTHON], metrics=True)))
shops.open(way)              # one pod, and nobody there
shops.visit(run, way, 12)    # customers, in the order of the day
shops.close(run, way)

A customer whose page is made has a worker of a pod until the lab lets all pages end. So
what counts is how many workers there are, and not how fast this computer is. The load
balancer is the lab's own: it asks one ready pod after another for a free worker.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes.client.rest import ApiException

from ... import faults
from ...history import History
from ...proof import Run
from ...servers.kubernetes import METRICS
from ...servers.kubernetes.api import get
from ...wait import wait_until
from ..crowd import Crowd
from ..records import figure, figures
from . import Manifest, container_of, files, named, pod_spec, probe, volume_of

if TYPE_CHECKING:
    from ...servers.kubernetes import Kubernetes, Pod

PROGRAM = Path(__file__).with_name("workers.py")
APP = "shop"
WORKERS = 3  # of a pod
MILLICORES = 100  # of processor that a pod asks for, and may use
LOOK_S = 0.2  # between two looks of the balancer for pods that have become ready
GROWS = (2, 4, 6)  # customers who come, and stay, on an evening that grows
COMPUTE, WAIT = "compute", "wait"  # what a page does with its worker


class Left(Exception):
    """A customer who found no worker and has left."""


@dataclass(frozen=True)
class Way:
    """How the shop comes by its pods, and what is shown to whom no worker is free for.

    signal: what the number of pods follows, "cpu" (of what they asked for) or "busy"
    (the share of busy workers). target: of it, in per cent. most: pods. by: who looks,
    "hpa" (Kubernetes' own autoscaler, as often as it does), "every second" or "between
    groups" (a scaler of the shop). calendar: pods for an event that was announced.
    ahead: whether they are ready before it begins, or asked for when it does.
    ends: whether they are taken away after it. base: pods on any other day. kept: who
    is shown a page that the edge has kept, "nobody", "who finds no worker" or
    "everybody".
    """

    signal: str = "cpu"
    target: int = 60
    most: int = 8
    by: str = "hpa"
    calendar: int = 0
    ahead: bool = True
    ends: bool = True
    base: int = 1
    kept: str = "nobody"


@dataclass(frozen=True)
class Day:
    """groups: how many customers come, and stay until the last group has come; empty:
    one after another, and each leaves. announced: whether the calendar has it."""

    groups: tuple[int, ...] = ()
    announced: bool = False
    pages: str = COMPUTE


class Waves:
    """cluster: started, with a metrics-server. start_s: that a pod takes for its start.
    patience_s: that a customer waits for a worker."""

    def __init__(self, cluster: Kubernetes, start_s: float, patience_s: float) -> None:
        self.space = cluster.namespace()
        self.start_s, self.patience_s = start_s, patience_s
        self.day = Day()
        self.most_at_once = 0
        self._front: list[str] = []  # the ready pods that the balancer knows of
        self._came = 0.0  # when the last group did
        self._seen: list[str] = []
        self._due = 0.0
        self._asking = threading.Lock()
        self._number = 0
        self.space.apply(files(PROGRAM))
        self._deploy(APP)
        self._watched = self._prepare(60)

    # --- a day of the shop ---

    def open(self, run: Run, way: Way) -> None:
        """So many pods as on any day, and nobody there."""
        self._settle(run, way.base)
        if way.by == "hpa":
            self.space.apply(autoscaler(APP, way.target, way.most, way.base))

    def visit(self, run: Run, way: Way, customers: int) -> None:
        """They come as the day has it; each is recorded, with "fresh" or "kept"."""
        if self.day.announced and way.calendar:
            self._grow(run, way.calendar, wait=way.ahead)
        groups = self.day.groups or (1,) * customers
        assert sum(groups) == customers, f"{customers} customers in {groups}"
        number = 0
        with Crowd(within=60) as crowd, self._pages(crowd):
            for nth, group in enumerate(groups):
                if nth and way.by == "between groups":
                    self._grow(run, self._wanted(way, patient=True))
                self._front = self._ready()
                self._came = time.monotonic()
                for _ in range(group):
                    number += 1
                    crowd.send(self._customer, run, way, number)
                self._until_settled(run, way, crowd)
                if not self.day.groups:
                    self._end_pages(crowd)
        if self.day.groups:
            self.most_at_once = customers

    def close(self, run: Run, way: Way) -> None:
        """The wave is over, and the scaler has had its time: what stands at night is
        recorded. Kubernetes' own would take five minutes more to come down to the least
        that it may have, so that is what is asked for."""
        if way.by == "hpa":
            night = self._autoscaler(APP).spec.min_replicas
        elif way.ends:
            night = self._settle(run, way.base)
        else:
            night = len(self._pods())
        self._without_autoscaler()
        figure(run, APP, "pods at night", night)

    def _until_settled(self, run: Run, way: Way, crowd: Crowd) -> None:
        """Wait until each customer has a worker, or was shown a page, or has left."""
        due = time.monotonic()

        def settled() -> bool:
            nonlocal due
            unanswered = crowd.unanswered  # before those who have a worker are counted
            if self._busy() >= unanswered:
                return True
            if way.by == "every second" and time.monotonic() >= due:
                due = time.monotonic() + 1
                self._grow(run, self._wanted(way), wait=False)
            return False

        wait_until(settled, 120, "a customer neither has a worker nor has left")

    def _customer(self, run: Run, way: Way, number: int) -> None:
        foreseen = self.day.announced or len(self.day.groups) != 1
        called = run.call(f"customer {number}", "read", "page", foreseen=foreseen)
        with contextlib.suppress(Left), called as op:
            op.value = self._page(way.kept)

    def _page(self, kept: str) -> str:
        if kept != "everybody" and self._enter(self._front):
            return "fresh"
        if kept != "nobody":
            return "kept"
        if self._enter_in_time():
            return "fresh"
        raise Left("no worker was free in time")

    def _enter(self, pods: Sequence[str]) -> bool:
        """Ask one pod after another for a worker. True when one has made the page."""
        return any(self._ask_for_page(pod) for pod in pods)

    def _enter_in_time(self) -> bool:
        """Ask those pods that have become ready while the customer waits."""
        end = self._came + self.patience_s

        def outcome() -> str:
            # first: who is late has left, whatever is there by now
            if time.monotonic() >= end:
                return "left"
            new = [pod for pod in self._latest() if pod not in self._front]
            return "fresh" if self._enter(new) else ""

        return wait_until(outcome, 60, "a customer's patience has no end") == "fresh"

    def _latest(self) -> list[str]:
        """The ready pods, as they were a moment ago."""
        with self._asking:
            if time.monotonic() >= self._due:
                self._seen = self._ready()
                self._due = time.monotonic() + LOOK_S
            return self._seen

    # --- pods ---

    def _deploy(self, app: str) -> None:
        self.space.apply(deployment(app, self.start_s))

    def _pods(self, app: str = APP) -> list[Pod]:
        return [pod for pod in self.space.pods(app) if not pod.leaving]

    def _ready(self, app: str = APP) -> list[str]:
        return [pod.name for pod in self._pods(app) if pod.ready]

    def _settle(self, run: Run, pods: int) -> int:
        """Wait until so many pods are there and ready, and no other but those that were
        told to leave: nobody is led to them. Returns how many."""
        self._without_autoscaler()

        def settled() -> bool:
            if self._wants() != pods:  # the autoscaler's last word may come late
                self._scale(pods)
            found = self._pods()
            return len(found) == sum(pod.ready for pod in found) == pods

        self.space.until(settled, APP, f"become {pods}", within=120)
        return figure(run, APP, "pods", pods)

    def _grow(self, run: Run, pods: int, wait: bool = True) -> None:
        """Have at least so many pods; wait: until they are ready."""
        if pods <= self._wants():
            return
        figure(run, APP, "pods", pods)  # they are paid for from here
        self._scale(pods)
        if wait:
            self.space.until(
                lambda: len(self._ready()) >= pods, APP, f"become {pods}", within=120
            )

    def _scale(self, pods: int) -> None:
        self.space.scale(APP, pods)

    def _wants(self, app: str = APP) -> int:
        told = self.space.apps.read_namespaced_deployment(app, self.space.name)
        return told.spec.replicas

    def _autoscaler(self, app: str) -> Any:
        """Kubernetes' own, as it stands."""
        return self.space.scaling.read_namespaced_horizontal_pod_autoscaler(
            app, self.space.name
        )

    def _without_autoscaler(self) -> None:
        try:
            self.space.scaling.delete_namespaced_horizontal_pod_autoscaler(
                APP, self.space.name
            )
        except ApiException as error:
            if error.status != 404:
                raise

    def _ask_for_page(self, pod: str, pages: str = "") -> bool:
        """False when no worker of this pod is free."""

        def answer() -> int:
            asks = f"page?{pages or self.day.pages}"
            got = self.space.ask(f"{pod}:8080", asks, sort="pods", timeout=300)
            # an error of the API server's own says nothing of the pod
            told = got.status == 200 or "no worker" in got.text
            return got.status if told else 0

        return wait_until(answer, 60, f"{pod} cannot be asked") == 200

    def _busy(self) -> int:
        return sum(self._desk(pod)["busy"] for pod in self._front)

    def _desk(self, pod: str, path: str = "") -> dict[str, int]:
        def told() -> dict[str, int] | None:
            answer = self.space.ask(f"{pod}:8081", path, sort="pods", timeout=60)
            return answer.json() if answer.status == 200 else None

        said = wait_until(told, 60, f"{pod} does not tell how it is")
        assert said is not None
        return said

    @contextlib.contextmanager
    def _pages(self, crowd: Crowd, apps: Sequence[str] = (APP,)) -> Iterator[None]:
        """Whatever happens in the block, its pages end with it."""
        try:
            yield
        finally:
            self._end_pages(crowd, apps)

    def _end_pages(self, crowd: Crowd, apps: Sequence[str] = (APP,)) -> None:
        """All that are being made, and those that come to be while this looks on."""

        def ended() -> bool:
            for app in apps:
                for pod in self._ready(app):
                    self._desk(pod, "end")
            return not crowd.going_on()

        wait_until(ended, 120, "a page does not end")

    # --- what a number of pods follows ---

    def _wanted(self, way: Way, patient: bool = False) -> int:
        """By the autoscaler's formula. patient: where processor counts, when the
        metrics-server has something new."""
        pods = len(self._front)
        if way.signal == "cpu":
            share = self._cpu(patient)
        else:
            share = self._busy() / (pods * WORKERS)
        return min(way.most, max(pods, math.ceil(pods * 100 * share / way.target)))

    def _cpu(self, patient: bool) -> float:
        """What the shop's pods use, as a share of what they asked for; 0 while nothing
        is known."""
        if patient:
            known = self._samples(APP).keys()
            wait_until(
                lambda: self._samples(APP).keys() - known,
                150,
                "the metrics-server has nothing new",
            )
        used = self._samples(APP).values()
        return sum(used) / (len(used) * MILLICORES) if used else 0

    def _samples(self, app: str) -> dict[tuple[str, str], float]:
        """(pod, time of the sample): thousandths of a processor, as the metrics-server
        has them."""
        place = f"{METRICS}/namespaces/{self.space.name}/pods?labelSelector=app%3D{app}"
        told = get(self.space.api, place).json() or {}
        return {
            (one["metadata"]["name"], one["timestamp"]): sum(
                millicores(part["usage"]["cpu"]) for part in one["containers"]
            )
            for one in told.get("items", [])
        }

    # --- Kubernetes' own autoscaler, watched ---

    def _prepare(self, target: int) -> list[str]:
        """Two pods, each with an autoscaler of its own."""
        self._number += 1
        apps = [f"{pages}-{self._number}" for pages in (COMPUTE, WAIT)]
        for app in apps:
            self._deploy(app)
            self.space.apply(autoscaler(app, target, most=2))
        return apps

    def watch(self, target: int, within: float = 90) -> list[dict[str, Any]]:
        """What Kubernetes' autoscaler makes of two pods whose workers are all busy, one
        with pages that compute and one with pages that wait.

        A row each: the processor that it sees, the pods that it wants, after how many
        seconds it had asked for more, and when they were ready; "unknown" for what did
        not come within so many seconds, on a machine that has too much to do.
        """
        apps = self._watched or self._prepare(target)
        self._watched = []
        self._until_measured(apps)
        with Crowd(within=60) as crowd, self._pages(crowd, apps):
            for app in apps:
                for _ in range(WORKERS):
                    crowd.send(self._ask_for_page, self._ready(app)[0], kind(app))
            rows = self._watch(apps, crowd, within)
        for app in apps:
            self.space.scaling.delete_namespaced_horizontal_pod_autoscaler(
                app, self.space.name
            )
            self.space.drop(app)
        return rows

    def _until_measured(self, apps: Sequence[str]) -> None:
        """Until the autoscaler knows each pod, or will at its next look: there are two
        new samples, the second of which began when the pod was ready."""
        wait_until(lambda: all(map(self._ready, apps)), 180, "a pod is not ready")
        before = {app: self._samples(app).keys() for app in apps}
        since: dict[str, set[Any]] = {app: set() for app in apps}

        def measured() -> bool:
            for app in apps:
                since[app] |= self._samples(app).keys() - before[app]
            return all(
                len(since[app]) > 1 or self._sees(app) is not None for app in apps
            )

        wait_until(measured, 180, "the metrics-server has nothing new")

    def _watch(
        self, apps: list[str], crowd: Crowd, within: float
    ) -> list[dict[str, Any]]:
        began = time.monotonic()
        more, ready = dict.fromkeys(apps, 0.0), dict.fromkeys(apps, 0.0)
        spans: dict[str, set[Any]] = {app: set() for app in apps}
        computes, waits = apps

        def over() -> bool:
            # three samples of its pod: the last one began after the pages
            known = len(spans[waits]) > 2
            return (ready[computes] > 0 and known) or seconds >= within

        seconds = 0.0
        while not over() and crowd.going_on(0.25):
            for app in apps:
                spans[app] |= self._samples(app).keys()
                seconds = time.monotonic() - began
                if self._wants(app) > 1:
                    more[app] = more[app] or seconds
                if len(self._ready(app)) > 1:
                    ready[app] = ready[app] or seconds
        unknown = "unknown" if seconds >= within else "never"
        return [
            {
                "pages": kind(app),
                "processor (%)": self._sees(app),
                "pods wanted": self._wants(app),
                "asked for after (s)": round(more[app], 1) or unknown,
                "ready after (s)": round(ready[app], 1) or unknown,
            }
            for app in apps
        ]

    def _sees(self, app: str) -> int | None:
        """Per cent of the processor that the pods asked for, as it was last seen."""
        for metric in self._autoscaler(app).status.current_metrics or []:
            if metric.resource:
                return metric.resource.current.average_utilization
        return None

    # --- what comes to pass ---

    def wave(self, customers: int, announced: bool = True) -> faults.Fault:
        """All customers come at once. Meter: how many were there together."""
        return self._fault("wave", Day((customers,), announced))

    def growth(self) -> faults.Fault:
        """They come in groups, each of which stays, and their pages wait for somebody
        who is slow. Meter: how many were there together."""
        return self._fault("growth", Day(GROWS, pages=WAIT))

    def _fault(self, name: str, day: Day) -> faults.Fault:
        def body() -> faults.Body:
            self.day, self.most_at_once = day, 0
            try:
                yield lambda: self.most_at_once
            finally:
                self.day = Day()

        return faults.Fault(name, body)


def kind(app: str) -> str:
    return app.partition("-")[0]


def millicores(quantity: str) -> float:
    """ "93412345n" is 93.4; "12m" is 12."""
    units = {"n": 1e-6, "u": 1e-3, "m": 1.0}
    if quantity[-1] in units:
        return float(quantity[:-1]) * units[quantity[-1]]
    return 1000 * float(quantity)


def deployment(app: str, start_s: float) -> Manifest:
    env = {"WORKERS": str(WORKERS), "START_S": str(start_s)}
    processor = {"cpu": f"{MILLICORES}m"}
    container = container_of(
        PROGRAM,
        env,
        {
            # a pod at its limit is slow to answer, and in nobody's way
            "readinessProbe": probe("/process", failureThreshold=60),
            "resources": {"requests": processor, "limits": processor},
        },
    )
    return {
        **named("apps/v1", "Deployment", app),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app}},
                "spec": {
                    **pod_spec(),
                    "containers": [container],
                    "volumes": [volume_of(PROGRAM)],
                },
            },
        },
    }


def autoscaler(app: str, target: int, most: int, least: int = 1) -> Manifest:
    """Kubernetes' own, which follows the processor. target: per cent of what the pods
    asked for. most, least: pods that it may have."""
    aim = {"type": "Utilization", "averageUtilization": target}
    processor = {"type": "Resource", "resource": {"name": "cpu", "target": aim}}
    return {
        **named("autoscaling/v2", "HorizontalPodAutoscaler", app),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": app,
            },
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [processor],
        },
    }


def told(history: History) -> dict[str, int]:
    """Pages made, pages from the edge, customers who left, and the most pods that were
    paid for at once."""
    pages = history.ops("read", key="page")
    return {
        "fresh": sum(op.value == "fresh" for op in pages),
        "kept": sum(op.value == "kept" for op in pages),
        "left": sum(op.outcome != "ok" for op in pages),
        "most pods": max(figures(history, "pods")),
    }


def pod_seconds(history: History) -> float:
    """What was paid for: pods, and for how long, from the first figure to the last."""
    counts = history.ops("figure", key="pods")
    return sum(
        one.value * (then.t_call - one.t_call)
        for one, then in itertools.pairwise(counts)
    )
