"""Delivery from Git into three regions: the shop's pipeline, and its customers.

    shop = pods.deliveries.Deliveries(lab.start(ArgoCD(cluster)), TEMPLATE)
    shop.begin(run)                # version 1 everywhere, and carts
    said = shop.deliver(way)       # way(pipeline) -> DELIVERED, STOPPED or REFUSED
    shop.evening(8, said)

A region is a namespace here, one folder of the repository, and one Application.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from ... import faults
from ...checks.registry import Findings, make
from ...history import History, Op
from ...proof import Run
from ...servers.http import Refused
from ...wait import wait_until
from ..crowd import at_once
from ..records import figure
from . import (
    PATIENCE_S,
    NoAnswer,
    as_yaml,
    container_of,
    files,
    named,
    pod_spec,
    probe,
    service,
    volume_of,
)

if TYPE_CHECKING:
    from ...servers.argocd import ArgoCD, Delivery
    from ...servers.kubernetes import Pod

PROGRAM = Path(__file__).with_name("process.py")
REGIONS = ("eu", "us", "asia")
CARTS = 3  # in each region
REFUSED, STOPPED, DELIVERED = "refused", "stopped", "delivered"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FAILED = "Degraded"  # what Argo CD calls a Deployment that is over its deadline


@dataclass(frozen=True)
class Change:
    """What is to be delivered: a template, and what it is rendered with.

    processes, names: of each region; a name is one more Service before the pages.
    version: of the pages. env: more of what their containers are told. deadline_s:
    their Deployment's `progressDeadlineSeconds`. word: whether somebody has said that
    much may vanish.
    """

    template: str
    version: str = "v1"
    processes: tuple[str, ...] = ("pages", "carts")
    names: tuple[str, ...] = ("sale",)
    env: Mapping[str, str] = field(default_factory=dict)
    deadline_s: int = 120
    word: bool = False

    def rendered(self, region: str) -> str:
        """The manifests of a region, as they are committed."""
        told = {"name": region, "processes": self.processes, "names": self.names}
        # a name that is not defined is nothing, as in most engines by default
        made = jinja2.Environment(trim_blocks=True)
        return made.from_string(self.template).render(
            region=told,
            settings=self._settings,
            deployment=self._deployment,
            service=_service,
        )

    def _settings(self, region: Mapping[str, Any]) -> str:
        told = named("v1", "ConfigMap", "settings")
        return as_yaml({**told, "data": {"region": region["name"]}})

    def _deployment(self, process: str) -> str:
        env = {"PROCESS": process}
        if process == "pages":
            env |= {"VERSION": self.version, **self.env}
        container = container_of(PROGRAM, env, {"readinessProbe": probe("/ready")})
        labels = {"app": process}
        if process == "pages":
            labels["version"] = self.version
        return as_yaml(
            {
                **named("apps/v1", "Deployment", process),
                "spec": {
                    "replicas": 1,
                    "progressDeadlineSeconds": self.deadline_s,
                    "selector": {"matchLabels": {"app": process}},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {
                            **pod_spec(),
                            "containers": [container],
                            "volumes": [volume_of(PROGRAM)],
                        },
                    },
                },
            }
        )


def _service(name: str, process: str = "") -> str:
    return as_yaml(service(name, process or name, {"port": 80, "targetPort": 8080}))


@cache
def objects(manifests: str) -> frozenset[str]:
    """What some manifests hold: "Deployment/pages"."""
    return frozenset(
        f"{one['kind']}/{one['metadata']['name']}"
        for one in yaml.load_all(manifests, LOADER)
        if one
    )


def share_gone(before: Iterable[str], after: Iterable[str]) -> float:
    """The per cent of objects that would vanish."""
    there = set(before)
    return 100 * len(there - set(after)) / len(there) if there else 0.0


class Deliveries:
    """argo: started. template: the right one, with which version 1 is delivered.

    change: what is to be delivered today; `changed` makes it a wrong one. regions,
    word, vanishing, commit, until, answered, take_back: what a way of delivering is
    told and may do.
    """

    regions = REGIONS

    def __init__(self, argo: ArgoCD, template: str) -> None:
        self.argo = argo
        self.good = Change(template, version="v2", names=())
        self.change = self.good
        self.old = Change(template)
        self.pruning = True
        self.took: dict[str, float] = {}  # seconds of a run's delivery, and "back"
        self._folders: dict[str, str] = {}  # what is committed, by region
        self._commits: list[str] = []  # of today's delivery
        self._number = 0
        self.spaces = {region: argo.namespace() for region in REGIONS}
        self._write(REGIONS, self.old)
        for space in self.spaces.values():
            space.apply(files(PROGRAM))
        self.prune(True)

    # --- what a way of delivering is told and may do ---

    @property
    def word(self) -> bool:
        """Whether somebody has said that much may vanish."""
        return self.change.word

    def vanishing(self) -> float:
        """The per cent of a region's objects that the change would delete; the most."""
        return max(
            share_gone(objects(self._folders[region]), objects(rendered))
            for region, rendered in self._rendered(REGIONS, self.change).items()
        )

    def commit(self, regions: Sequence[str]) -> None:
        """Commit what is rendered for these; Argo CD hears of it by a webhook."""
        if regions:
            self._commits.append(self._write(regions, self.change))

    def until(self, regions: Sequence[str], gate: str) -> bool:
        """Wait for Argo CD's word on the last commit. gate: "Synced", or "Healthy" for
        both; then it is False when one of the regions is Degraded."""
        return FAILED not in {self._until(region, gate) for region in regions}

    def answered(self, regions: Sequence[str], customers: int) -> bool:
        """Whether so many customers in each of these regions all get a page."""
        return all(self._visits(regions, customers, "soak", inner=True))

    def take_back(self) -> None:
        """`git revert` of today's commits, newest first; wait until all is well."""
        since = time.perf_counter()
        for revision in reversed(self._commits):
            self.head = self.argo.revert(revision)
        self._commits.clear()
        self._folders = self._rendered(REGIONS, self.old)
        for region in REGIONS:
            self.argo.settled(region, self.head)
        self.took["back"] = round(time.perf_counter() - since, 1)

    def prune(self, yes: bool) -> None:
        """Whether Argo CD deletes what is no longer in Git."""
        self.pruning = yes
        policy = {"automated": {"prune": yes, "selfHeal": True}}
        for region, space in self.spaces.items():
            self.argo.deliver(region, f"regions/{region}", space, syncPolicy=policy)

    # --- a day ---

    def begin(self, run: Run) -> None:
        """Version 1 in all regions; then customers leave carts."""
        self.run = run
        self._number += 1
        self._commits.clear()
        if not self.pruning:
            self.prune(True)
        if self._folders != self._rendered(REGIONS, self.old):
            self._write(REGIONS, self.old)
        for region in REGIONS:
            self.argo.settled(region, self.head)
        self._routed(REGIONS, *self.old.processes)

        def leave(who: tuple[str, int]) -> None:
            region, number = who
            client = f"customer {number} of {region}"
            with run.call(client, "write", "cart", True, node=region):
                self._ask(region, "carts", f"put?{self._number}-{number}")

        at_once(everybody(REGIONS, CARTS), leave)

    def deliver(self, way: Way) -> str:
        """Let the pipeline run in this way; what it says at its end."""
        since = time.perf_counter()
        said = way(self)
        for region in REGIONS:
            self._until(region, "Healthy")
        self.took[self.run.name] = round(time.perf_counter() - since, 1)
        figure(self.run, "pipeline", "said", said)
        return said

    def evening(self, customers: int, said: str) -> None:
        """So many customers in each region open a page, one of them by the name of the
        sale; and those of the morning look for their carts."""
        version = self.change.version if said == DELIVERED else self.old.version
        self._visits(REGIONS, customers, "page", told=version)

        def look(who: tuple[str, int]) -> None:
            region, number = who
            with self._recorded(f"customer {number} of {region}", region, "cart") as op:
                path = f"has?{self._number}-{number}"
                op.value = self._ask(region, "carts", path)["there"]

        at_once(everybody(REGIONS, CARTS), look)
        for region in REGIONS:
            with self._recorded(f"late customer of {region}", region, "sale") as op:
                op.value = self._ask(region, "sale", "page")["version"]

    def objects(self, **wrong: Any) -> int:
        """Of a region's objects in version 1, all; or those that a wrong change would
        delete: fields of `Change`."""
        before = objects(self.old.rendered(REGIONS[0]))
        if not wrong:
            return len(before)
        return len(before - objects(replace(self.good, **wrong).rendered(REGIONS[0])))

    def gone(self, **change: Any) -> float:
        """The per cent of a region's objects that a change of the good one deletes."""
        wanted = replace(self.good, **change).rendered(REGIONS[0])
        return share_gone(objects(self.old.rendered(REGIONS[0])), objects(wanted))

    def states(self) -> list[dict[str, Any]]:
        """What Argo CD says of each Application, and what is in its region."""
        return [
            {
                "application": region,
                "sync": (now := self.argo.state(region)).sync,
                "health": now.health,
                "pods": sum(len(self._pods(region, p)) for p in self.old.processes),
            }
            for region in REGIONS
        ]

    def changed(self, **wrong: Any) -> faults.Fault:
        """What is to be delivered today is wrong: fields of `Change`. Meter: objects of
        all regions that are rendered otherwise, or not at all."""

        def body() -> faults.Body:
            self.change = replace(self.good, **wrong)
            good, bad = (
                self._rendered(REGIONS, change) for change in (self.good, self.change)
            )
            try:
                yield lambda: sum(
                    len(set(documents(good[r])) - set(documents(bad[r])))
                    for r in REGIONS
                )
            finally:
                self.change = self.good

        return faults.Fault("wrong change", body)

    # --- how ---

    def _rendered(self, regions: Sequence[str], change: Change) -> dict[str, str]:
        return {region: change.rendered(region) for region in regions}

    def _write(self, regions: Sequence[str], change: Change) -> str:
        made = self._rendered(regions, change)
        self._folders |= made
        files = {f"regions/{region}/shop.yaml": text for region, text in made.items()}
        message = f"{change.version} for {', '.join(regions)}"
        self.head = self.argo.commit(message, files)
        return self.head

    def _until(self, region: str, gate: str) -> str:
        """Argo CD's word on the health of a region, once it has followed the head."""

        def there(now: Delivery) -> bool:
            if now.revision != self.head or now.operation == "Running":
                return False
            # without pruning, it never is what Git says once something is gone there
            followed = now.sync == "Synced" or not self.pruning
            return followed and (gate == "Synced" or now.health in ("Healthy", FAILED))

        return self.argo.until(region, there, f"get {gate}").health

    def _pods(self, region: str, process: str) -> list[Pod]:
        found = self.spaces[region].pods(process)
        return [pod for pod in found if not pod.leaving]

    def _routed(self, regions: Sequence[str], *processes: str) -> None:
        """Wait until the Services lead to the pods that are ready, and to no other."""

        def led(region: str, process: str) -> bool:
            ready = {pod.name for pod in self._pods(region, process) if pod.ready}
            return self.spaces[region].leads_to(process, ready)

        there = [(r, p) for r in regions for p in processes if self._has(r, p)]

        def routed() -> bool:
            return all(led(region, process) for region, process in there)

        wait_until(routed, 60, "a Service leads to other pods than are ready")

    def _has(self, region: str, service: str) -> bool:
        return f"Service/{service}" in objects(self._folders[region])

    def _visits(
        self, regions: Sequence[str], customers: int, key: str, **more: Any
    ) -> list[bool]:
        """Customers in all of these regions open a page at once: who was answered."""
        self._routed(regions, "pages")

        def visit(who: tuple[str, int]) -> bool:
            region, number = who
            client = f"visitor {number} of {region}"
            with self._recorded(client, region, key, **more) as op:
                op.value = self._ask(region, "pages", "page")["version"]
            return op.outcome == "ok"

        return at_once(
            [(r, n) for r in regions for n in range(1, customers + 1)], visit
        )

    @contextmanager
    def _recorded(
        self, client: str, region: str, key: str, **more: Any
    ) -> Iterator[Op]:
        with (
            suppress(NoAnswer),
            self.run.call(client, "read", key, node=region, **more) as op,
        ):
            yield op

    def _ask(self, region: str, service: str, path: str) -> dict[str, Any]:
        try:
            told = self.spaces[region].ask(f"{service}:80", path, timeout=PATIENCE_S)
            return dict(told.ok().json())
        except (OSError, Refused) as error:
            # which words, is luck: no endpoint, or no Service of that name
            raise NoAnswer("no answer") from error


Way = Callable[[Deliveries], str]


def everybody(regions: Sequence[str], customers: int) -> list[tuple[str, int]]:
    """So many of each region, with their numbers."""
    return [(r, number) for r in regions for number in range(1, customers + 1)]


def documents(manifests: str) -> list[str]:
    return manifests.split("---\n")[1:]


def pages_of(history: History) -> list[Op]:
    return [op for op in history.ops("read") if op.key in ("page", "soak")]


def in_one_region(history: History) -> Findings:
    found = Findings()
    harmed: dict[str, list[Op]] = {}
    for op in pages_of(history):
        harmed.setdefault(str(op.node), []).extend([op] * (op.outcome != "ok"))
    found.checked = len(harmed)
    bad = {region: ops for region, ops in harmed.items() if ops}
    found.counts = {"without a page": len(bad)}
    for region, ops in bad.items() if len(bad) > 1 else ():
        found.broke(f"customers of {region} got no page", region, ops=ops)
    return found


one_region_at_most = make(
    in_one_region,
    "one region at most",
    "regions",
    "Customers who get no page are all of one region.",
    "nobody opened a page",
)


def told(history: History) -> dict[str, Any]:
    """What the pipeline said; regions in which somebody got no page; carts gone."""
    carts = history.ops("read", key="cart")
    without = {op.node for op in pages_of(history) if op.outcome != "ok"}
    return {
        "the delivery says": history.ops("figure", key="said")[0].value,
        "regions without pages": len(without),
        "carts gone": sum(op.value is not True for op in carts),
    }
