"""Reports on the month, and the memory that they take in the shop's pods.

shops = shop.pods.reports.Reports(lab.start(Kubernetes(images=[PYTHON])), box_mib=304)
shops.deploy(way)
shops.browse(run, 4)
with shops.checkouts(run):         # one in each pod
    shops.ask_for(run, 6)          # reports; how many at once, is the day's to say
shops.audit(run)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ... import faults
from ...history import History
from ...proof import Run
from ...wait import wait_until
from ..crowd import Crowd
from ..records import figure
from . import NoAnswer
from .boxes import NO_ROOM, Box, in_turn

if TYPE_CHECKING:
    from ...servers.kubernetes import Kubernetes

PROGRAM = Path(__file__).with_name("reporting.py")
APP = "shop"
PAGE_MIB, REPORT_MIB = 8, 48  # that a page kept and a report take
PRODUCTS = 24  # of which a crawler opens every one
LONG_S = 60.0  # that a report or a checkout may take
AS_IT_WAS = "as it was"


@dataclass(frozen=True)
class Way:
    """memory_mib: what each pod asks for and may use; None, not said. keeps: pages that
    a pod keeps, at_once: reports that it makes at once, None for as many as come. pods:
    how many are wanted.
    """

    memory_mib: int | None
    keeps: int | None = None
    at_once: int | None = None
    pods: int = 2


class Reports:
    """cluster: started. box_mib: the memory that all pods together may ask for."""

    def __init__(self, cluster: Kubernetes, box_mib: int) -> None:
        self.cluster = cluster
        self.box_mib = box_mib
        self.box: Box | None = None
        self.names: list[str] = []
        self._together = self._crawler = False
        self._asked = self._crawled = 0  # what a fault has done so far

    # --- what is deployed ---

    def deploy(self, way: Way) -> None:
        """The shop in a fresh box."""
        self._asked = self._crawled = 0
        self.wanted = way.pods
        self.names = self._in_a_box(self.box_mib).deploy(APP, way.pods, *asked(way))
        self.born = {pod: self._desk(pod)["born"] for pod in self.names}

    def _in_a_box(self, mib: int) -> Box:
        if self.box:
            self.box.space.delete()
        self.box = Box(self.cluster, PROGRAM, {"limits.memory": f"{mib}Mi"})
        return self.box

    def _desk(self, pod: str, path: str = "") -> dict:
        assert self.box is not None
        return self.box.desk(pod, path)

    def _ask(self, pod: str, path: str, timeout: float = 5) -> None:
        assert self.box is not None
        self.box.ask(pod, path, timeout)

    # --- the day ---

    def browse(self, run: Run, customers: int) -> None:
        """Customers open a page each, one after another; on the crawler's day it then
        opens every page of every pod."""
        for number in range(customers):
            called = run.call(f"customer {number + 1}", "read", "page")
            with contextlib.suppress(NoAnswer), called:
                self._ask(in_turn(self.names, number), f"page?{number}")
        if self._crawler:
            with Crowd(within=60) as crowd:
                opened = [crowd.send(self._crawl, pod) for pod in self.names]
            self._crawled = sum(one.result() for one in opened)

    def _crawl(self, pod: str) -> int:
        """How many pages a crawler gets before it has all, or the pod is gone."""
        for number in range(PRODUCTS):
            try:
                self._ask(pod, f"page?{number}")
            except NoAnswer:
                return number
        return PRODUCTS

    @contextlib.contextmanager
    def checkouts(self, run: Run, buyers: int = 2) -> Iterator[None]:
        """So many checkouts are under way, in pods in turn, until the block ends."""
        self._crowd = Crowd(within=2 * LONG_S)
        for number in range(buyers):
            self._crowd.send(self._long, run, f"buyer {number + 1}", "checkout", number)
        self._settle("no checkout is under way")
        try:
            yield
        finally:
            self._finish()
            self._crowd.join()

    def ask_for(self, run: Run, sellers: int) -> None:
        """Each seller asks for a report: one after another, or all in one moment."""
        for number in range(sellers):
            who = f"seller {number + 1}"
            made = self._crowd.send(
                self._long, run, who, "report", number, "wait" * self._together
            )
            if not self._together:
                made.result(LONG_S)
        if self._together:
            self._asked = sellers
            self._settle("a report is neither made, nor in line, nor lost")

    def _long(self, run: Run, who: str, what: str, number: int, how: str = "") -> None:
        called = run.call(who, what, "month" if what == "report" else "basket")
        with contextlib.suppress(NoAnswer), called:
            pod = in_turn(self.names, number)
            self._ask(pod, f"{what}?{how}" if how else what, timeout=LONG_S)

    def _settle(self, otherwise: str) -> None:
        """Until everybody is answered, or in some pod's hands, which has no more to do
        for now."""

        def settled() -> bool:
            open_ = self._crowd.unanswered
            told = [desk for pod in self.names if (desk := self._desk(pod))]
            held = sum(desk["asked"] + desk["under way"] for desk in told)
            return held == open_ and all(desk["settled"] for desk in told)

        wait_until(settled, LONG_S, otherwise)

    def _finish(self) -> None:
        for pod in self.names:
            self._desk(pod, "finish")

    def audit(self, run: Run) -> None:
        """What became of each pod that was wanted."""
        for number in range(self.wanted):
            there = number < len(self.names)
            said = self._end(self.names[number]) if there else NO_ROOM
            figure(run, f"pod {number + 1}", "in the end", said)

    def _end(self, pod: str) -> str:
        assert self.box is not None
        space = self.box.space

        def known() -> str:
            if self._desk(pod).get("born") == self.born[pod]:
                return AS_IT_WAS
            (now,) = [one for one in space.pods(APP) if one.name == pod]
            return "{}, exit status {}".format(*now.ended) if now.ended else ""

        return space.until(known, APP, "say how a pod ended")

    # --- what goes wrong ---

    def month_ends(self) -> faults.Fault:
        """All sellers ask for their report in one moment. Meter: how many did."""

        def body() -> faults.Body:
            self._together = True
            try:
                yield lambda: self._asked
            finally:
                self._together = False

        return faults.Fault("the month ends", body)

    def crawled(self) -> faults.Fault:
        """A crawler opens every page, and then the month ends. Meter: pages it got."""

        def body() -> faults.Body:
            self._crawler = True
            try:
                with self.month_ends():
                    yield lambda: self._crawled
            finally:
                self._crawler = False

        return faults.Fault("crawled", body)

    # --- measuring ---

    def peaks(self, keeps: int, most: int, room_mib: int = 512) -> list[dict[str, int]]:
        """What one pod uses, in MiB, that has room enough and keeps so many pages: at
        rest, and with 1 report and more under way."""
        way = Way(room_mib, keeps, pods=1)
        self.names = self._in_a_box(room_mib).deploy(APP, 1, *asked(way))
        (pod,) = self.names
        for number in range(keeps + 1):
            self._ask(pod, f"page?{number}")
        rows = []
        with Crowd(within=LONG_S) as self._crowd:
            try:
                for reports in range(most + 1):
                    if reports:
                        self._crowd.send(self._ask, pod, "report?wait", LONG_S)
                        self._settle("a report is not made")
                    in_use = self._desk(pod)["in use"]
                    rows.append({"reports": reports, "in use": in_use})
            finally:
                self._finish()
        return rows

    def until_killed(self, limits_mib: Sequence[int]) -> list[dict[str, int]]:
        """How many pages pods of these limits serve, which keep every page, before they
        are killed; side by side."""
        box = self._in_a_box(sum(limits_mib))
        pods = [
            box.deploy(f"shop-{mib}", 1, *asked(Way(mib, pods=1)))[0]
            for mib in limits_mib
        ]
        with Crowd(within=LONG_S) as crowd:
            opened = [crowd.send(self._crawl, pod) for pod in pods]
        return [
            {"limit": mib, "pages": one.result()}
            for mib, one in zip(limits_mib, opened, strict=True)
        ]


def asked(way: Way) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """What a pod asks for, and its environment."""
    env = {"PAGE_MIB": str(PAGE_MIB), "REPORT_MIB": str(REPORT_MIB)}
    for name, most in (("KEEPS", way.keeps), ("AT_ONCE", way.at_once)):
        if most is not None:
            env[name] = str(most)
    if way.memory_mib is None:
        return {}, env
    memory = {"memory": f"{way.memory_mib}Mi"}
    return {"requests": memory, "limits": memory}, env


def ends(history: History) -> list[dict[str, str]]:
    """What became of each pod, as `audit` has entered it, one row each."""
    figures = history.ops("figure", key="in the end")
    return [{"pod": str(op.node), "in the end": op.value} for op in figures]


def told(history: History) -> dict[str, int]:
    """Checkouts that were cut, reports that nobody got, pods that were killed."""

    def lost(what: str) -> int:
        return sum(op.outcome != "ok" for op in history.ops(what))

    killed = [row for row in ends(history) if row["in the end"].startswith("OOMKilled")]
    return {
        "checkouts cut": lost("checkout"),
        "no report": lost("report"),
        "killed": len(killed),
    }
