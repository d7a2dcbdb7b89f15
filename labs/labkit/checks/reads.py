"""Checks of what a client reads."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from ..history import History, Op
from .common import (
    in_time,
    of_key,
    read_of,
    reads,
    returned_at,
    several_keys,
    version_of,
    writes,
)
from .registry import Findings, check
from .verdict import counted


@check(
    "read your writes",
    "reads",
    "A client that has been told that its write is done never reads an older version.",
    "no client read what it had written",
)
def read_your_writes(history: History) -> Findings:
    """Does a client see its own acknowledged writes?

    A client's *own write* to a key is an acknowledged write by the same client. A read
    is *owed* the highest version among the client's own writes of that key that are
    before it. Reads to which nothing is owed are not checked. A write in doubt is not
    owed; a read that shows it, or shows another client's later version, is fine.

    Violation: a read whose version is below the one that it is owed.

    Cost: O(n) after a sort by time.
    """
    findings, several = Findings(), several_keys(history)
    owed: dict[tuple, float] = {}
    for op, returned in in_time(reads(history) + writes(history)):
        own = (op.client, op.key)
        if op.op == "write" and returned:
            owed[own] = max(version_of(op), owed.get(own, -inf))
        elif op.op != "write" and not returned and own in owed:
            findings.checked += 1
            if version_of(op) < owed[own]:
                wrote = f"wrote version {owed[own]}{of_key(op, several)}"
                findings.broke(
                    f"{op.client} {wrote} and then {read_of(op)}", *own, ops=[op]
                )
    return findings


@check(
    "monotonic reads",
    "reads",
    "A client that has seen a version never reads an older one afterwards.",
    "no client read the same key twice",
)
def monotonic_reads(history: History) -> Findings:
    """Does time run forwards for a client?

    A read *follows* the client's reads of the same key that are before it, and only
    reads that follow another are checked. Two reads that overlap may see either order.

    Violation: a read whose version is below the highest that it follows. Deleting a key
    is not modelled: finding nothing after having found something is a violation.

    Cost: O(n) after a sort by time.
    """
    findings, several = Findings(), several_keys(history)
    highest: dict[tuple, float] = {}
    for op, returned in in_time(reads(history)):
        own = (op.client, op.key)
        if returned:
            highest[own] = max(version_of(op), highest.get(own, -inf))
        elif own in highest:
            findings.checked += 1
            if version_of(op) < highest[own]:
                saw = f"read version {highest[own]}{of_key(op, several)}"
                findings.broke(
                    f"{op.client} {saw} and then {read_of(op)}", *own, ops=[op]
                )
    return findings


@check(
    "staleness bound",
    "reads",
    "No read is older than the bound in {in_}: {bound:g}.",
    "no read came after an acknowledged write of its key",
)
def staleness_bound(
    history: History, *, bound: float, in_: str = "versions"
) -> Findings:
    """Is what a client reads fresh enough?

    A version of a key is *superseded* when the write of a later version of that key is
    acknowledged, at the moment that write returned, whoever wrote. A read's *age in
    versions* is the number of later versions acknowledged before it; its *age in
    seconds* is the time from the first of those acknowledgements to the read's call.
    Versions in doubt supersede nothing. Reads that no acknowledged write of their key
    is before are not checked.

    Violation: a read older than `bound` versions or seconds, as `in_` says.

    Cost: O(n log n).
    """
    if in_ not in ("versions", "seconds"):
        raise ValueError(f"in_ is 'versions' or 'seconds', not {in_!r}")
    findings, several = Findings(), several_keys(history)
    acknowledged: dict[Any, list[float]] = defaultdict(list)  # in order, by key
    distinct: dict[Any, set[float]] = defaultdict(set)  # the same, to look up
    known = writes(history)
    superseded = _superseded(known)
    for op, returned in in_time(reads(history) + known):
        versions = acknowledged[op.key]
        if op.op == "write" and returned and version_of(op) not in distinct[op.key]:
            distinct[op.key].add(version_of(op))
            insort(versions, version_of(op))
        elif op.op != "write" and not returned and versions:
            findings.checked += 1
            behind = len(versions) - bisect_right(versions, version_of(op))
            when = f"when version {versions[-1]} was acknowledged"
            when += f": {counted(behind, 'versions')} behind, and {bound:g} allowed"
            age: float = behind
            if behind and in_ == "seconds":
                age = op.t_call - superseded(op)
                limit = "1 second" if bound == 1 else f"{bound:g} seconds"
                when = f"more than {limit} after a later one was acknowledged"
            if age > bound:
                what = read_of(op, of_key(op, several))
                findings.broke(
                    f"{op.client} {what} {when}", op.client, op.key, ops=[op]
                )
    return findings


def _superseded(writes: Iterable[Op]) -> Callable[[Op], float]:
    """A read of a superseded version -> when that version was, in seconds."""
    by_key: dict[Any, list[tuple[float, float]]] = defaultdict(list)
    for op in sorted(writes, key=version_of, reverse=True):
        earlier = by_key[op.key][-1][1] if by_key[op.key] else inf
        by_key[op.key].append((version_of(op), min(returned_at(op), earlier)))
    for pairs in by_key.values():
        pairs.reverse()

    def when(read: Op) -> float:
        pairs = by_key[read.key]
        place = bisect_right(pairs, version_of(read), key=lambda pair: pair[0])
        return pairs[place][1]

    return when
