"""Checks of what is rebuilt."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from ..history import History, Op
from .common import times
from .registry import Findings, check


@check(
    "rebuilds per expiry",
    "periods",
    "Per expiry, a key's value is rebuilt no more often than allowed: {allowed}.",
    "nothing was rebuilt",
)
def rebuilds_per_expiry(history: History, *, allowed: int = 1) -> Findings:
    """Does an expiry cost one rebuild, or one from every client that noticed?

    A key's *period* runs from the call of one "expire" of that key to the next; the
    first begins with the history, when the cache is cold. An "expire" that failed
    delimits nothing. A "rebuild" belongs to the period in which it was called, and
    counts whatever its outcome: the source was asked. Periods without a rebuild are
    not checked.

    Violation: a period with more than `allowed` rebuilds.

    Counts: rebuilds, and most: the highest number in one period.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    expiries: Counter[Any] = Counter()
    rebuilds: dict[tuple[Any, int], list[Op]] = defaultdict(list)
    for op in history:
        if op.op == "expire" and op.outcome != "fail":
            expiries[op.key] += 1
        elif op.op == "rebuild":
            rebuilds[op.key, expiries[op.key]].append(op)
    for (key, period), ops in rebuilds.items():
        findings.checked += 1
        if len(ops) > allowed:
            when = f"after expiry {period}" if period else "before its first expiry"
            rebuilt = f"{key} was rebuilt {times(len(ops))} {when}"
            findings.broke(
                f"{rebuilt}, and {allowed} allowed", key, period, ops=ops[allowed:]
            )
    findings.counts = {
        "rebuilds": sum(map(len, rebuilds.values())),
        "most": max(map(len, rebuilds.values()), default=0),
    }
    return findings
