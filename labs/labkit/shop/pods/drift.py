"""Three regions that Git describes, and hands that change one of them.

    shops = pods.drift.Regions(lab.start(ArgoCD(cluster)))
    shops.begin(run, way)   # version 2 in all regions
    shops.strike()          # what goes wrong today: a change by hand, for one
    shops.weeks_later()
    shops.sale_begins()     # a commit
    shops.sale_ends()       # taken back

A region is a namespace here, one folder of the repository, and one Application.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from ... import faults
from ...checks.registry import Findings, make
from ...history import History
from ...proof import Run
from ...servers.http import Refused
from ...wait import wait_until
from ..crowd import at_once
from ..records import figure, figures
from . import (
    PATIENCE_S,
    SHOP,
    Manifest,
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

PROGRAM = Path(__file__).with_name("region.py")
REGIONS = ("eu", "us", "asia")
WHEN = ("weeks later", "sale", "taken back")  # customers come
ONE = "us"  # the one that is changed by hand
VERSION_AT = "/spec/template/metadata/labels/version"
MORE_SYNCS, EVERY_SYNC, OUT_OF_SYNC = (
    "more syncs than another region",
    "every sync",
    "OutOfSync when it is looked at",
)


@dataclass(frozen=True)
class Way:
    """How regions are kept as Git says.

    by: "Argo CD", or "pipeline", which sets in each region what a commit changes.
    heals: whether Argo CD undoes what is not in Git, or syncs at a commit only.
    ignored: pointers into a Deployment, which are neither compared nor changed.
    alert: what calls somebody, one of the words of this module, or "". states: whether
    Git says that there is no sale, or nothing about it. back: how the sale is taken
    back, "git revert" or "by hand". commits: whether there are any.
    """

    by: str = "Argo CD"
    heals: bool = True
    ignored: tuple[str, ...] = ()
    alert: str = MORE_SYNCS
    states: bool = True
    back: str = "git revert"
    commits: bool = True

    @property
    def policy(self) -> Manifest:
        """The fields of an Application."""
        options = ["RespectIgnoreDifferences=true"] * bool(self.ignored)
        automated = {"selfHeal": self.heals}
        made: Manifest = {
            "syncPolicy": {"automated": automated, "syncOptions": options}
        }
        if self.ignored:
            ignores = {"group": "apps", "kind": "Deployment"}
            made["ignoreDifferences"] = [{**ignores, "jsonPointers": [*self.ignored]}]
        return made if self.by == "Argo CD" else BY_NOBODY


BY_NOBODY: Manifest = {"syncPolicy": {"syncOptions": []}}


def manifests(sale: str, day: int) -> str:
    """A region as Git has it. sale: "on", "off", or "" to say nothing about it. day: a
    note, so that the first commit of each day changes every region: a commit that Argo
    CD has had nothing to do for, it would still sync later, whatever had changed."""
    env = {"SALE": sale} if sale else {}
    container = container_of(PROGRAM, env, {"readinessProbe": probe("/page")})
    version = {"fieldRef": {"fieldPath": "metadata.labels['version']"}}
    container["env"].append({"name": "VERSION", "valueFrom": version})
    made = named("apps/v1", "Deployment", SHOP)
    made["metadata"]["annotations"] = {"day": str(day)}
    shop = {
        **made,
        "spec": {
            "replicas": 1,
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": {"app": SHOP}},
            "template": {
                "metadata": {"labels": {"app": SHOP, "version": "v2"}},
                "spec": {
                    **pod_spec(),
                    "containers": [container],
                    "volumes": [volume_of(PROGRAM)],
                },
            },
        },
    }
    port = {"port": 80, "targetPort": 8080}
    return as_yaml(shop, service(SHOP, SHOP, port))


class Regions:
    """argo: started. took: by what, how many seconds it took each time."""

    def __init__(self, argo: ArgoCD) -> None:
        self.argo = argo
        self.took: dict[str, list[float]] = {}
        self.spaces = {region: argo.namespace() for region in REGIONS}
        self._day = 0  # how many have begun
        self._policy: Manifest = {}  # of the Applications
        self._hand: Callable[[], None] | None = None  # what it does today
        self._changes = 0  # that it made today
        for space in self.spaces.values():
            space.apply(files(PROGRAM))

    # --- the schedule ---

    def begin(self, run: Run, way: Way) -> None:
        """Version 2 in all regions, as in Git, without a sale."""
        self.run, self.way, self.shown = run, way, "v2"
        self._off = "off" if way.states else ""
        self._by_hand: set[str] = set()  # regions in which there were changes by hand
        self._told: set[str] = set()  # those of which somebody was told
        self._day += 1
        self._deliver(Way().policy)  # which undoes what the run before has left
        self._settled(self._commit("version 2", self._off))
        self._deliver(way.policy)
        self._served()
        self._counted = self._syncs()

    def strike(self) -> None:
        """What a hand does today, it does now."""
        if self._hand is not None:
            self._hand()

    def weeks_later(self, customers: int) -> None:
        """All that can come of it has come; then customers open a page."""
        if self._by_hand:
            self._until_undone(self._by_hand)
        self._look_at_alerts(commit=False)
        self._rush(customers, "weeks later")

    def sale_begins(self, customers: int) -> None:
        """A commit switches the sale on, everywhere."""
        if self.way.commits:
            self._delivered("commit", lambda: self._commit("the sale", "on"), "on")
            self.shown = "v2, sale"
        self._look_at_alerts(commit=True)
        self._rush(customers, "sale")

    def sale_ends(self, customers: int) -> None:
        """It is taken back."""
        if self.way.back == "by hand":
            for region in REGIONS:
                self._change(region, env_of("SALE", self._off or None))
            self._until_undone(REGIONS)
            self._look_at_alerts(commit=False)
        else:
            if self.way.commits:
                self._delivered("revert", self.argo.revert, self._off)
                self.shown = "v2"
            self._look_at_alerts(commit=True)
        self._rush(customers, "taken back")

    def audit(self) -> None:
        """Of each region, whether somebody changed it and nobody was told, or was told
        of nothing."""
        for region in REGIONS:
            hand, told = region in self._by_hand, region in self._told
            figure(self.run, region, "untold", int(hand and not told))
            figure(self.run, region, "called for nothing", int(told and not hand))

    # --- hands ---

    def put_back(self) -> faults.Fault:
        """In the night, one region is put back to version 1, by hand. Meter: changes by
        hand that the cluster took."""
        labels = {"template": {"metadata": {"labels": {"version": "v1"}}}}
        return self._by_a_hand("put back by hand", labels)

    def switched_on(self) -> faults.Fault:
        """In one region the sale is switched on, by hand. Meter: as above."""
        return self._by_a_hand("switched on by hand", env_of("SALE", "on"))

    def _by_a_hand(self, name: str, spec: Manifest) -> faults.Fault:
        def body() -> faults.Body:
            self._hand, self._changes = lambda: self._change(ONE, spec), 0
            try:
                yield lambda: self._changes
            finally:
                self._hand = None

        return faults.Fault(name, body)

    def _change(self, region: str, spec: Manifest) -> None:
        """As `kubectl patch deployment shop` does."""
        space = self.spaces[region]
        before = self._deployment(region).metadata.generation
        made = space.apps.patch_namespaced_deployment(
            SHOP, space.name, {"spec": spec}, field_manager="kubectl-patch"
        )
        self._by_hand.add(region)
        self._changes += made.metadata.generation > before

    # --- how it is followed ---

    def _deliver(self, policy: Manifest) -> None:
        if policy != self._policy:
            for region, space in self.spaces.items():
                self.argo.deliver(region, f"regions/{region}", space, **policy)
            # or it heals after the next commit, and the count of that begins at one
            self._looked()
        self._policy = policy

    def _commit(self, message: str, sale: str) -> str:
        text = manifests(sale, self._day)
        files = {f"regions/{region}/shop.yaml": text for region in REGIONS}
        return self.argo.commit(message, files)

    def _delivered(self, what: str, change: Callable[[], str], sale: str) -> None:
        """Change Git; wait until all regions serve it."""
        since = time.perf_counter()
        head = change()
        if self.way.by == "Argo CD":
            self._settled(head)
        else:  # the pipeline sets what the commit changes, and nothing else
            for space in self.spaces.values():
                body = {"spec": env_of("SALE", sale or None)}
                space.apps.patch_namespaced_deployment(SHOP, space.name, body)
        self._served()
        if self.way.by == "Argo CD":
            self._note(what, since)

    def _settled(self, head: str) -> None:
        for region in REGIONS:
            self.argo.settled(region, head)

    def _looked(self, *regions: str) -> None:
        """Have Argo CD look at regions, all unless told, and wait until it has."""
        self.argo.refresh(*(regions or REGIONS))
        for region in regions or REGIONS:
            self.argo.until(region, lambda now: now.looked, "look")

    def _until_undone(self, regions: Iterable[str]) -> None:
        """Wait for what comes of changes by hand: until Argo CD has undone them, where
        it is set up so, and until it has looked where not."""
        since = time.perf_counter()
        for region in regions:
            if not self._undoes(region):
                self._looked(region)
                continue
            self.argo.until(
                region,
                lambda now: now.sync == "OutOfSync" or now.healed,
                "see that somebody changed it",
            )
            self._note("seen", since)
            self.argo.until(region, self._undone(region), "undo what was changed")
            self._note("undone", since)
        self._served()

    def _undoes(self, region: str) -> bool:
        """Whether Argo CD will undo what was changed by hand in this region."""
        if self.way.by != "Argo CD" or not self.way.heals or self.way.ignored:
            return False
        return (
            self.way.states
            or self._deployment(region).spec.template.metadata.labels["version"] != "v2"
        )

    def _undone(self, region: str) -> Callable[[Delivery], bool]:
        def undone(now: Delivery) -> bool:
            quiet = now.sync == "Synced" and now.operation != "Running"
            return quiet and self._syncs()[region] > self._counted[region]

        return undone

    def _served(self) -> None:
        """Wait until every region has but the pods that its Deployment says, and leads
        to them."""
        for region, space in self.spaces.items():
            space.until(
                lambda region=region: self._complete(region),  # type: ignore[misc]
                SHOP,
                "come to rest",
                within=120,
            )
            wait_until(
                lambda space=space: space.leads_to(  # type: ignore[misc]
                    SHOP, {p.name for p in space.pods(SHOP) if not p.leaving}
                ),
                60,
                f"the Service of {region} leads elsewhere",
            )

    def _complete(self, region: str) -> bool:
        told = self._deployment(region)
        at = told.status
        return (
            told.metadata.generation == at.observed_generation
            and at.updated_replicas == at.available_replicas == at.replicas == 1
        )

    def _deployment(self, region: str) -> Any:
        space = self.spaces[region]
        return space.apps.read_namespaced_deployment(SHOP, space.name)

    def _note(self, what: str, since: float) -> None:
        self.took.setdefault(what, []).append(time.perf_counter() - since)

    def seconds(self, what: str) -> float:
        """The median of what it took so far to see ("seen") or undo ("undone") a change
        by hand, and to have a "commit" or a "revert" served everywhere."""
        return round(median(self.took[what]), 1)

    # --- what Argo CD tells ---

    def _syncs(self) -> dict[str, int]:
        """Of each region, how many syncs have succeeded, as Prometheus is told."""
        told = self.argo.metrics()
        found = re.findall(r"^argocd_app_sync_total\{(.*)\} (\d+)", told, re.M)
        counts = dict.fromkeys(REGIONS, 0)
        for labels, count in found:
            (name,) = re.findall(r'\bname="(\w+)"', labels)
            if 'phase="Succeeded"' in labels:
                counts[name] += int(count)
        return counts

    def _look_at_alerts(self, commit: bool) -> None:
        """Prometheus looks. commit: whether there was one since it last did, which all
        regions have synced; now and then one of them twice, on a busy machine."""
        now = self._syncs()
        more = {region: now[region] - self._counted[region] for region in REGIONS}
        alert = self.way.alert
        if alert == EVERY_SYNC:
            self._told |= {region for region in REGIONS if more[region]}
        if alert == MORE_SYNCS and not commit:
            least = min(more.values())
            self._told |= {region for region in REGIONS if more[region] > least}
        if alert == OUT_OF_SYNC:
            states = self.states()
            self._told |= {s["region"] for s in states if s["sync"] == "OutOfSync"}
        self._counted = now

    def states(self) -> list[dict[str, str]]:
        """What Argo CD says of each region once its pods have come, and the version in
        it."""
        rows = []
        for region in REGIONS:
            now = self.argo.until(
                region, lambda now: now.health != "Progressing", "have its pods"
            )
            rows.append(
                {
                    "region": region,
                    "sync": now.sync,
                    "health": now.health,
                    "version": self._version(region),
                }
            )
        return rows

    def _version(self, region: str) -> str:
        return str(self._deployment(region).spec.template.metadata.labels["version"])

    def who(self, region: str = ONE) -> list[dict[str, str]]:
        """Who has last set the version in a region, by the cluster's own notes
        (`kubectl get --show-managed-fields`)."""
        notes = self._deployment(region).metadata.managed_fields
        return [
            {"region": region, "field": VERSION_AT, "set by": note.manager}
            for note in notes
            if "f:version" in str(note.fields_v1)
        ]

    def again_and_again(self, times: int) -> list[float]:
        """Seconds until a change by hand is undone, when it comes again at once."""
        self.way, self._by_hand = Way(), set()
        self._day += 1
        self._deliver(self.way.policy)
        self._settled(self._commit("anew", "off"))
        found = []
        for _ in range(times):
            self._counted = self._syncs()
            since = time.perf_counter()
            self._change(ONE, env_of("SALE", "on"))
            self.argo.until(ONE, self._undone(ONE), "undo what was changed")
            found.append(round(time.perf_counter() - since, 1))
        return found

    # --- customers ---

    def _rush(self, customers: int, when: str) -> None:
        """In each region so many open a page at once; each is recorded, with what is
        shown, and what Git says should be."""
        who = [(region, number) for region in REGIONS for number in range(customers)]

        def visit(one: tuple[str, int]) -> None:
            region, number = one
            called = self.run.call(
                f"customer {number + 1} of {region}",
                "read",
                when,
                node=region,
                wanted=self.shown,
            )
            with suppress(NoAnswer), called as op:
                op.value = self._page(region)

        at_once(who, visit)

    def _page(self, region: str) -> str:
        try:
            space = self.spaces[region]
            told = space.ask(f"{SHOP}:80", "page", timeout=PATIENCE_S)
            return str(told.ok().json()["shown"])
        except (OSError, Refused) as error:
            raise NoAnswer("no answer") from error


def env_of(name: str, value: str | None) -> Manifest:
    """A patch of a Deployment's spec. value: None takes the variable away."""
    one = {"name": name, "$patch": "delete"} if value is None else {"name": name}
    if value is not None:
        one["value"] = value
    containers = [{"name": "shop", "env": [one]}]
    return {"template": {"spec": {"containers": containers}}}


def shown_as_in_git(history: History) -> Findings:
    found = Findings()
    for op in history.ops("read"):
        found.checked += 1
        wanted = op.extra["wanted"]
        if op.value != wanted:
            seen = f"a customer of {op.node} was shown {op.value}"
            found.broke(f"{seen}, and Git says {wanted}", op.key, ops=[op])
    return found


as_in_git = make(
    shown_as_in_git,
    "as in Git",
    "pages",
    "A page is made by the code and the settings that Git has for its region.",
    "nobody opened a page",
)


def hands_told_of(history: History) -> Findings:
    found = Findings()
    for op in history.ops("figure", key="untold"):
        found.checked += 1
        if op.value:
            found.broke(f"nobody was told that {op.node} was changed by hand", op.node)
    return found


somebody_is_told = make(
    hands_told_of,
    "somebody is told",
    "regions",
    "Whenever a region was changed by hand, somebody is told.",
    "no region was looked at",
)


def told(history: History) -> Mapping[str, int]:
    """Pages that showed other code than Git has, by when; changes by hand that nobody
    was told of, and calls for nothing."""
    reads = history.ops("read")
    wrong = {
        when: sum(op.key == when and op.value != op.extra["wanted"] for op in reads)
        for when in WHEN
    }
    return {
        **wrong,
        "untold": sum(figures(history, "untold")),
        "called for nothing": sum(figures(history, "called for nothing")),
    }
