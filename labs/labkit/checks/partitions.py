"""Checks of partitions: do they move, and do they share the load?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from statistics import median

from ..history import History, Op
from .registry import Findings, check, natural
from .verdict import counted


@check(
    "every partition moves",
    "partitions",
    "No partition that has lag keeps the same committed offset for {polls} polls.",
    "no partition was polled",
)
def partition_progress(history: History, *, polls: int = 5) -> Findings:
    """Does every partition that has work move?

    A *poll* is an acknowledged "poll" with extra {partition, lag, committed}: for one
    partition, how many records wait and the consumer's committed offset (None before
    the first commit). The polls of a partition are taken in order of call; partitions
    of different topics are told apart by `key`. A partition is *decided* when it had
    at least `polls` polls or its last poll showed no lag; if none stood still and one
    is not decided, the verdict is unknown.

    Violation: a partition that *stood still*, which is `polls` polls (two or more) in a
    row that all show lag and the same committed offset.

    Counts: lag (the sum over all partitions of the last poll), stalled (how many stood
    still), stalled_partitions (which).

    Cost: O(n) after a sort by time.
    """
    if polls < 2:
        raise ValueError("one poll cannot show that an offset stands still")
    findings, still, lag = Findings(), [], 0
    seen: dict[tuple, list[Op]] = defaultdict(list)
    for op in history.ops("poll", outcome="ok"):
        seen[op.key, op.extra["partition"]].append(op)
    for (key, partition), ops in sorted(seen.items(), key=lambda i: natural(i[0])):
        last_lag = ops[-1].extra["lag"]
        lag += last_lag
        name = f"partition {partition}" + (f" of {key}" if key else "")
        stood = next((op for op, row in _standing(ops) if row >= polls), None)
        if stood:
            still.append(partition)
            at = stood.extra["committed"]
            where = "before its first commit" if at is None else f"at offset {at}"
            stay = f"{name} stood still {where} for {polls} polls"
            findings.broke(f"{stay}, with records waiting", key, partition)
        elif len(ops) < polls and last_lag > 0:
            findings.doubt = f"{name} still had lag after {counted(len(ops), 'polls')}"
            continue
        findings.checked += 1
    findings.counts = {"lag": lag, "stalled": len(still), "stalled_partitions": still}
    return findings


@check(
    "partitions share the load",
    "partitions",
    "No partition gets more than {at_most:g} times the median number of records.",
    "records went to fewer than two partitions",
)
def partition_skew(
    history: History, *, at_most: float = 3.0, partitions: int | None = None
) -> Findings:
    """Do the partitions share the records?

    A partition's *load* is the number of acknowledged "produce" operations with its
    number as extra["partition"]. The *median* is over `partitions` partitions if that
    is given, else over those that got a record: a history cannot show the empty ones.
    With fewer than two partitions there is nothing to share; of two, neither can get
    more than twice the median, so the verdict is unknown if `at_most` is 2 or more.

    Violation: a partition whose load is more than `at_most` times the median.

    Counts: records, most, median, skew (most / median; None when the median is 0).

    Cost: O(n).
    """
    findings = Findings()
    load = Counter(op.extra["partition"] for op in history.ops("produce", outcome="ok"))
    loads = [*load.values()] + [0] * ((partitions or 0) - len(load))
    if len(loads) < 2 or not load:
        return findings
    findings.checked, records, middle = len(loads), load.total(), median(loads)
    if len(loads) == 2 and at_most >= 2:  # their median is half of all records
        findings.doubt = "of two partitions, neither gets more than twice the median"
    for partition, count in load.items():
        if count > at_most * middle:
            got = f"partition {partition} got {count} of {counted(records, 'records')}"
            ratio = f"{count / middle:.1f} times the median" if middle else "median: 0"
            findings.broke(f"{got}, {ratio}", partition)
    findings.counts = {
        "records": records,
        "most": max(loads),
        "median": middle,
        "skew": round(max(loads) / middle, 1) if middle else None,
    }
    return findings


def _standing(polls: Iterable[Op]) -> Iterator[tuple[Op, int]]:
    """Each poll, with how many in a row have shown lag and its committed offset."""
    row, before = 0, object()
    for op in polls:
        committed = op.extra["committed"]
        row = 0 if op.extra["lag"] <= 0 else row + 1 if committed == before else 1
        before = committed
        yield op, row
