"""Checks of what is rebuilt."""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush
from math import inf
from typing import Any

from ..history import History, Op
from .common import Moment, called, ended, named, times
from .registry import Findings, check, number

FOR_EVER: Moment = (inf, True)


@check(
    "rebuilds per expiry",
    "periods",
    "Per expiry, a key's value is rebuilt no more often than allowed: {allowed}.",
    "nothing was rebuilt",
)
def rebuilds_per_expiry(history: History, *, allowed: int = 1) -> Findings:
    """Does an expiry cost one rebuild, or one from every client that noticed?

    A key's *expiry* is one moment between call and return of an "expire" of that key:
    a rebuild that is called meanwhile may be on either side of it. One in doubt happens
    after its call or never; one that failed never happened. A key's *period* runs from
    one expiry to the next; the first begins with the history, when the cache is cold. A
    "rebuild" belongs to the period in which it was called, and counts whatever its
    outcome: the source was asked. Where the moments are open, those are taken that
    break the promise least often. Periods without a rebuild are not checked.

    Violation: a period with more than `allowed` rebuilds.

    Counts: rebuilds, and most: the highest number in one period.

    Cost: O(n log n).
    """
    number(allowed, "allowed")
    findings, most, total = Findings(), 0, 0
    by_key: dict[Any, list[Op]] = defaultdict(list)
    for op in named(history, "expire", "rebuild"):
        if op.op == "rebuild" or op.outcome != "fail":
            by_key[op.key].append(op)
    for key, ops in by_key.items():
        for period, rebuilds in _periods(ops, allowed):
            findings.checked += 1
            total += len(rebuilds)
            most = max(most, len(rebuilds))
            if len(rebuilds) > allowed:
                when = f"after expiry {period}" if period else "before its first expiry"
                rebuilt = f"{key} was rebuilt {times(len(rebuilds))} {when}"
                sentence = f"{rebuilt}, and {allowed} allowed"
                findings.broke(sentence, key, period, ops=rebuilds[int(allowed) :])
    findings.counts = {"rebuilds": total, "most": most}
    return findings


def _periods(ops: list[Op], allowed: int) -> list[tuple[int, list[Op]]]:
    """The periods of one key that have rebuilds, each with its number.

    An expiry is taken as late as it may be, save that one which is under way comes
    just in time to keep a period within what is allowed; of several, the one that has
    to come first. A period that is broken already takes in all it can. Where nothing is
    allowed, every expiry that can comes together with another.
    """
    found: list[tuple[int, list[Op]]] = []
    rebuilds: list[Op] = []
    under_way: list[Moment] = []  # a heap: when each expiry must have happened
    period = 0

    def expire() -> None:
        nonlocal period, rebuilds
        heappop(under_way)
        if rebuilds:
            found.append((period, rebuilds))
        period, rebuilds = period + 1, []

    for op in sorted(ops, key=lambda op: (op.t_call, op.op == "rebuild", op.op_id)):
        if op.op == "expire":
            heappush(under_way, ended(op) if op.outcome == "ok" else FOR_EVER)
            continue
        while under_way and under_way[0] <= called(op):
            expire()
        if allowed < 1 and not rebuilds:
            while under_way:
                expire()
        elif under_way and len(rebuilds) <= allowed < len(rebuilds) + 1:
            expire()
        rebuilds.append(op)
    if rebuilds:
        found.append((period, rebuilds))
    return found
