"""Pages that come at once, and the processor that the shop's pods may use for them.

shops = shop.pods.bursts.Bursts(lab.start(Kubernetes(images=[PYTHON])), box_m=900)
shops.deploy(way)
shops.visits(run, rounds=2)    # a customer for each pod, every two seconds
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import faults
from ...history import History
from ...proof import Run
from ...wait import service_time
from ..crowd import at_once
from ..records import figure
from . import NoAnswer
from .boxes import NO_ROOM, Box, in_turn

if TYPE_CHECKING:
    from ...servers.kubernetes import Kubernetes

PROGRAM = Path(__file__).with_name("bursting.py")
APP = "shop"
PODS = 3  # that the shop has, and customers in a round
WORK_MS = 120  # of processor time, for a page that is made anew
THREADS = 4  # on which it is made
EVERY_S = 2.0  # between rounds of customers
PERIOD_S = 0.1  # for which a limit gives its quota
PATIENCE_S = 30.0  # on a busy machine, too: how late a page is, decides nothing
RUNS = "runs"


@dataclass(frozen=True)
class Way:
    """What each pod asks for and may use, in thousandths of a processor, None where
    that is not said; how many pods are wanted; whether a page that has changed is made
    anew.
    """

    request_m: int | None
    limit_m: int | None
    pods: int = PODS
    fresh: bool = True


class Bursts:
    """cluster: started. box_m: thousandths of a processor that all pods together may
    ask for."""

    def __init__(self, cluster: Kubernetes, box_m: int) -> None:
        self.cluster = cluster
        self.box_m = box_m
        self.box: Box | None = None
        self.names: list[str] = []
        self._changes = False

    def deploy(self, way: Way) -> None:
        """The shop in a fresh box."""
        self.wanted, self.asked_m = way.pods, way.request_m or 0
        box = self._in_a_box(self.box_m)
        self.names = box.deploy(APP, way.pods, *asked(way))

    def _in_a_box(self, total_m: int) -> Box:
        if self.box:
            self.box.space.delete()
        self.box = Box(self.cluster, PROGRAM, {"requests.cpu": f"{total_m}m"})
        return self.box

    def _desk(self, pod: str) -> dict:
        assert self.box is not None
        return self.box.desk(pod)

    def visits(self, run: Run, rounds: int) -> None:
        """So many rounds of PODS customers, two at least, who open a page each, each in
        another pod; it is recorded, with the version shown and the periods in which the
        pod was stopped. Then what became of each pod that was wanted, and what it used
        from the first round to the last, beside what it had asked for."""
        began = time.monotonic()
        seen = []
        for number in range(rounds):
            # customers come evenly, whatever the pods do
            service_time(max(0, began + number * EVERY_S - time.monotonic()))
            seen.append([self._desk(pod) for pod in self.names])
            # on a day of changes each page is wanted in a version of its own
            wanted = str(number + 2) if self._changes else "1"
            visit = partial(self._visit, run, wanted)
            at_once(range(number * PODS, (number + 1) * PODS), visit, within=60)
        for number in range(self.wanted):
            there = number < len(self.names)
            figure(run, f"pod {number + 1}", "in the end", RUNS if there else NO_ROOM)
        for number, (first, last) in enumerate(zip(seen[0], seen[-1], strict=True)):
            told = {**used(first, last), "asked": self.asked_m}
            figure(run, f"pod {number + 1}", "used", told)

    def _visit(self, run: Run, wanted: str, customer: int) -> None:
        assert self.box is not None
        who = f"customer {customer + 1}"
        called = run.call(who, "read", "page", wanted=wanted)
        with contextlib.suppress(NoAnswer), called as op:
            pod = in_turn(self.names, customer)
            op.value = self.box.ask(pod, f"page?{wanted}", PATIENCE_S)

    def sale(self) -> faults.Fault:
        """Every second stock has changed, and pages are made anew. Meter: those made
        for which there was processor enough that a limit could have stopped them; on a
        machine that is too busy, none."""

        def body() -> faults.Body:
            self._changes = True
            try:
                yield self._made
            finally:
                self._changes = False

        return faults.Fault("sale", body)

    def _made(self) -> float:
        told = [self._desk(pod) for pod in self.names]
        # a way that makes no page, or has no pod, is refused by what it is for
        made = sum(desk["made"] for desk in told)
        seen = sum(desk["quick"] + desk["stopped"] for desk in told)
        return seen if made else 1

    def under(self, limits_m: Sequence[int | None], pages: int) -> list[dict]:
        """What becomes of pages, one after another, in one pod for each limit."""
        box = self._in_a_box(1000)
        names = [
            box.deploy(f"shop-{number}", 1, *asked(Way(50, limit, pods=1)))[0]
            for number, limit in enumerate(limits_m)
        ]

        def visit(pod: str) -> dict[str, float]:
            seen = []
            for number in range(pages):
                told = box.ask(pod, f"page?{number + 2}", PATIENCE_S)
                seen.append(told)
                service_time(PERIOD_S)  # the next one begins with a new quota
            took = statistics.median(told["ms"] for told in seen)
            stopped = min(told["stopped"] for told in seen)
            return {"took": round(took), "stopped": stopped}

        found = at_once(names, visit, within=120)
        return [
            {"limit": limit, **row} for limit, row in zip(limits_m, found, strict=True)
        ]


def used(before: dict, after: dict) -> dict[str, float]:
    """Of one pod: its average use in thousandths of a processor, the periods in which
    it had work, as long as it has a limit, and those in which it was stopped."""
    seconds = after["now"] - before["now"]
    return {
        "average": round(1000 * (after["used"] - before["used"]) / seconds),
        "periods": after["periods"] - before["periods"],
        "stopped": after["stopped"] - before["stopped"],
    }


def asked(way: Way) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """What a pod asks for, and its environment."""
    env = {"WORK_MS": str(WORK_MS), "THREADS": str(THREADS)}
    if not way.fresh:
        env["FRESH"] = "no"
    found = {}
    for kind, some in (("requests", way.request_m), ("limits", way.limit_m)):
        if some is not None:
            found[kind] = {"cpu": f"{some}m"}
    return found, env


def shares(history: History) -> dict[str, float]:
    """What pods have used on average, in thousandths of a processor; of their periods
    with work, the share in which they were stopped; and how long a page took."""
    pods = [op.value for op in history.ops("figure", key="used")]
    took = [op.t_ret - op.t_call for op in history.ops("read") if op.t_ret is not None]
    periods = sum(pod["periods"] for pod in pods)
    stopped = sum(pod["stopped"] for pod in pods)
    return {
        "average use": round(statistics.mean(pod["average"] for pod in pods)),
        "periods stopped, %": round(100 * stopped / periods) if periods else 0,
        "ms a page": round(1000 * statistics.median(took)),
    }


def told(history: History) -> dict[str, int]:
    """Pages that were stopped by their pod's limit, and those that were made anew."""
    pages = [op for op in history.ops("read") if op.outcome == "ok"]
    return {
        "no page": len(history.ops("read")) - len(pages),
        "stopped": sum(op.value["stopped"] > 0 for op in pages),
        "out of date": sum(op.value["version"] != op.extra["wanted"] for op in pages),
    }
