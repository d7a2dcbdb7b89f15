"""Checks of what a client may rely on from one operation to its next."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from math import inf
from typing import Any

from ..history import History, Op
from .common import (
    Moment,
    backwards,
    called,
    ended,
    in_time,
    is_read,
    is_write,
    named,
    of_key,
    read_of,
    reads,
    several_keys,
    version_of,
    writes,
)
from .registry import Findings, check

NOTHING: Moment = (-inf, False)


@check(
    "monotonic writes",
    "writes",
    "A client's writes take effect in the order in which it made them.",
    "no client wrote the same key twice",
)
def monotonic_writes(history: History) -> Findings:
    """Do a client's writes take effect in its own order?

    A write *follows* the client's acknowledged writes of the same key that are before
    it; only acknowledged writes that follow another are checked. The order in which
    writes took effect is that of their versions.

    Violation: a write whose version is below the highest that it follows.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    return backwards(findings, writes(findings, history), _then_wrote("wrote"))


@check(
    "writes follow reads",
    "writes",
    "What a client writes after it has read takes effect after what it read.",
    "no client wrote what it had read",
)
def writes_follow_reads(history: History) -> Findings:
    """Does an answer come after its question?

    A write *follows* the client's reads of the same key that are before it; only
    acknowledged writes that follow a read are checked. The order in which writes took
    effect is that of their versions.

    Violation: a write whose version is below the highest version that its client had
    read.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    ops = writes(findings, history) + reads(findings, history)
    return backwards(findings, ops, _then_wrote("read"), sets=is_read, owes=is_write)


def _then_wrote(did: str) -> Callable[[Op, float, str], str]:
    def sentence(op: Op, highest: float, key: str) -> str:
        then = f"and then wrote version {op.version}"
        return f"{op.client} {did} version {highest}{key} {then}"

    return sentence


@check(
    "consistent prefix",
    "reads",
    "A client that has seen a write sees, from then on, all that was done before it.",
    "no client read anything after a write whose past is known",
)
def consistent_prefix(history: History) -> Findings:
    """Does a client see an effect and then miss its cause?

    A read *shows* the write of its key and version, if one that did not fail is in the
    history; of several, the one that was called first. A client's read is *owed*, of
    its own key, the highest version whose acknowledged write is before some write that
    the client's reads before it showed. Only reads to which something is owed are
    checked. Keys are compared with each other: that is what monotonic reads lacks.

    Violation: a read whose version is below the one that it is owed.

    Cost: O(n log n).
    """
    findings = Findings()
    seen, known = reads(findings, history), writes(findings, history)
    several = several_keys(seen + known)
    shown: dict[tuple, Moment] = {}
    for op in named(history, "write"):
        if op.outcome != "fail" and op.version is not None:
            place = (op.key, op.version)
            shown[place] = min(called(op), shown.get(place, called(op)))
    ends: dict[Any, list[Moment]] = defaultdict(list)
    tops: dict[Any, list[float]] = defaultdict(list)
    for op in sorted(known, key=ended):
        highest = tops[op.key][-1] if tops[op.key] else -inf
        ends[op.key].append(ended(op))
        tops[op.key].append(max(highest, version_of(op)))
    past: dict[str, Moment] = {}  # client -> the latest call of a write that it saw
    for op, returned in in_time(seen):
        if returned:
            moment = shown.get((op.key, op.version), NOTHING)
            past[op.client] = max(moment, past.get(op.client, NOTHING))
            continue
        moment = past.get(op.client, NOTHING)
        until = bisect_right(ends[op.key], moment) if op.key in ends else 0
        if not until:
            continue
        findings.checked += 1
        owed = tops[op.key][until - 1]
        if version_of(op) < owed:
            what = read_of(op, of_key(op, several))
            why = f"after a write that came after version {owed}"
            findings.broke(f"{op.client} {what} {why}", op.client, op.key, ops=[op])
    return findings
