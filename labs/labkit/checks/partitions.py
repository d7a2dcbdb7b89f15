"""Checks of partitions: do they move, and do they share the load?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from math import inf
from statistics import median
from typing import Any

from ..history import History, Op
from .common import acknowledged, doubt, ended, exceeds
from .registry import Findings, check, natural, number
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
    partition, how many offsets lie before its end and the consumer's committed offset
    (None before the first commit). The polls of a partition are taken in order of call;
    partitions of different topics are told apart by `key`. A poll shows *work* when its
    extra {waiting}, the records that a consumer could still get, is above 0; without
    {waiting}, when its lag is. A lag of 1 without {waiting} is open: a transaction
    leaves a commit marker at the end, an offset that no consumer ever commits past.

    A partition is *decided* when it had at least `polls` polls or its last poll showed
    no work, and it was *watched to the end*: no other partition of its topic was polled
    `polls` times since. If none stood still and one is not decided, or stood still with
    an open lag, the verdict is unknown.

    Violation: a partition that *stood still*: `polls` polls (two or more) in a row that
    all show work, none of them with a higher offset than the first. An offset that goes
    back and forth does not move.

    Counts: lag (the sum over all partitions of the last poll), stalled (how many stood
    still), stalled_partitions (which).

    Cost: O(n) after a sort by time.
    """
    number(polls, "polls")
    if polls < 2:
        raise ValueError("one poll cannot show that an offset stands still")

    def long_enough(first: int, last: int, ops: list[Op]) -> bool:
        return last - first + 1 >= polls

    def watched(topic: list[list[Op]]) -> Watched:
        long = (_order(ops[-polls]) for ops in topic if len(ops) >= polls)
        latest = max(long, default=(-inf, 0))
        return lambda ops: _order(ops[-1]) >= latest

    return _progress(history, long_enough, watched, counted(polls, "polls"))


@check(
    "every partition moves in time",
    "partitions",
    "No partition that has lag keeps the same committed offset over {seconds:g} s.",
    "no partition was polled",
)
def partition_progress_in_time(history: History, *, seconds: float) -> Findings:
    """Does every partition that has work move, by the clock?

    A *poll*, *work* and an *open* lag are as in `partition_progress`. Polls *span* the
    time from the return of the first to the call of the last: so long, at least, was
    what both show. A partition is *decided* when its polls span more than `seconds` or
    its last poll showed no work, and it was *watched to the end*: no other partition of
    its topic was polled more than `seconds` after its last poll had returned.

    Violation: a partition that *stood still*: polls in a row that span more than
    `seconds` (by more than a billionth) and all show work, none of them with a higher
    offset than the first.

    Counts: lag, stalled and stalled_partitions, as in `partition_progress`.

    Cost: O(n) after a sort by time.
    """
    number(seconds, "seconds")

    def long_enough(first: int, last: int, ops: list[Op]) -> bool:
        span = ops[last].t_call - ended(ops[first])[0]
        return last > first and exceeds(span, seconds)

    def watched(topic: list[list[Op]]) -> Watched:
        latest = max(ops[-1].t_call for ops in topic)
        return lambda ops: not exceeds(latest - ended(ops[-1])[0], seconds)

    return _progress(history, long_enough, watched, f"more than {seconds:g} s")


LongEnough = Callable[[int, int, list[Op]], bool]  # the polls from first to last
Watched = Callable[[list[Op]], bool]  # a partition's polls


def _progress(
    history: History,
    long_enough: LongEnough,
    watched: Callable[[list[list[Op]]], Watched],
    time: str,
) -> Findings:
    findings, still, lag = Findings(), [], 0
    topics: dict[Any, dict[Any, list[Op]]] = defaultdict(dict)
    for op in acknowledged(findings, history.ops("poll")):
        topics[op.key].setdefault(op.extra["partition"], []).append(op)
    to_the_end = {key: watched([*found.values()]) for key, found in topics.items()}
    places = [(key, p) for key, found in topics.items() for p in found]
    for key, partition in sorted(places, key=natural):
        ops = topics[key][partition]
        lag += ops[-1].extra["lag"]
        name = f"partition {partition}" + (f" of {key}" if key else "")
        if stood := _stood_still(ops, long_enough, _certain):
            still.append(partition)
            at = stood[0].extra["committed"]
            where = "before its first commit" if at is None else f"at offset {at}"
            stay = f"{name} stood still {where} for {time}"
            sentence = f"{stay}, with records waiting"
            findings.broke(sentence, key, partition, ops=stood)
        elif _stood_still(ops, long_enough, _possible):
            marker = "with a lag of 1, which may be a commit marker"
            doubt(findings, f"{name} stood still {marker}: record extra['waiting']")
            continue
        elif _possible(ops[-1]) and not long_enough(0, len(ops) - 1, ops):
            doubt(findings, f"{name} still had lag after {counted(len(ops), 'polls')}")
            continue
        elif not to_the_end[key](ops):
            doubt(findings, f"{name} was not polled to the end")
            continue
        findings.checked += 1
    findings.counts = {"lag": lag, "stalled": len(still), "stalled_partitions": still}
    return findings


def _stood_still(
    ops: list[Op], long_enough: LongEnough, work: Callable[[Op], bool]
) -> list[Op]:
    """The earliest polls in a row that are long enough, all with work, and without an
    offset above that of the first; [] if there are none."""
    rows = (row for row in _rows(ops, work) if long_enough(*row, ops))
    first, last = min(rows, default=(0, -1))
    return ops[first : last + 1]


def _rows(ops: list[Op], work: Callable[[Op], bool]) -> Iterator[tuple[int, int]]:
    """For each poll with work, itself and the last of those in a row that have work
    and no higher offset."""
    waiting: list[int] = []  # a stack of firsts, whose offsets never rise
    for place, op in enumerate(ops):
        works = work(op)
        while waiting and not (
            works and _committed(op) <= _committed(ops[waiting[-1]])
        ):
            yield waiting.pop(), place - 1
        if works:
            waiting.append(place)
    while waiting:
        yield waiting.pop(), len(ops) - 1


def _certain(op: Op) -> bool:
    waiting = op.extra.get("waiting")
    return op.extra["lag"] > 1 if waiting is None else waiting > 0


def _possible(op: Op) -> bool:
    return _certain(op) or (op.extra.get("waiting") is None and op.extra["lag"] > 0)


def _committed(op: Op) -> float:
    committed = op.extra["committed"]
    return -inf if committed is None else committed


def _order(op: Op) -> tuple[float, int]:
    return op.t_call, op.op_id


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

    Violation: a partition whose load is more than `at_most` times the median, by more
    than a billionth. Its records are the operations that break the promise.

    Counts: records, most, median, skew (most / median; None when the median is 0).

    Cost: O(n).
    """
    number(at_most, "at_most")
    findings = Findings()
    got: dict[Any, list[Op]] = defaultdict(list)
    for op in history.ops("produce", outcome="ok"):
        got[op.extra["partition"]].append(op)
    load = Counter({partition: len(ops) for partition, ops in got.items()})
    loads = [*load.values()] + [0] * ((partitions or 0) - len(load))
    if len(loads) < 2 or not load:
        return findings
    findings.checked, records, middle = len(loads), load.total(), median(loads)
    if len(loads) == 2 and at_most >= 2:  # their median is half of all records
        findings.doubt = "of two partitions, neither gets more than twice the median"
    for partition, count in load.items():
        if exceeds(count, at_most * middle):
            share = (
                f"partition {partition} got {count} of {counted(records, 'records')}"
            )
            ratio = f"{count / middle:.1f} times the median" if middle else "median: 0"
            findings.broke(f"{share}, {ratio}", partition, ops=got[partition])
    findings.counts = {
        "records": records,
        "most": max(loads),
        "median": middle,
        "skew": round(max(loads) / middle, 1) if middle else None,
    }
    return findings
