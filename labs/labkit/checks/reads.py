"""Checks of what a client reads."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from itertools import accumulate
from math import inf
from typing import Any

from ..history import History, Op
from .common import (
    TOLERANCE,
    Moment,
    backwards,
    called,
    doubt,
    ended,
    exceeds,
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
from .registry import Findings, check, number
from .verdict import counted

NEVER: Moment = (inf, True)


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
    findings = Findings()
    ops = reads(findings, history) + writes(findings, history)

    def sentence(op: Op, highest: float, key: str) -> str:
        return f"{op.client} wrote version {highest}{key} and then {read_of(op)}"

    return backwards(findings, ops, sentence, sets=is_write, owes=is_read)


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

    findings = Findings()

    def sentence(op: Op, highest: float, key: str) -> str:
        return f"{op.client} read version {highest}{key} and then {read_of(op)}"

    return backwards(findings, reads(findings, history), sentence)


@check(
    "recency across clients",
    "reads",
    "What one client has seen, no client reads an older version of afterwards.",
    "nobody read a key that had been read before",
)
def recency(history: History) -> Findings:
    """Does time run forwards for all clients together?

    A read *follows* the reads of the same key, by any client, that are before it, and
    only reads that follow another are checked. Clients may tell each other what they
    saw, which is why a shop may owe them this; monotonic reads does not.

    Violation: a read whose version is below the highest that it follows.

    Cost: O(n) after a sort by time.
    """

    findings = Findings()

    def sentence(op: Op, highest: float, key: str) -> str:
        return f"{op.client} {read_of(op)} after version {highest}{key} had been read"

    ops = reads(findings, history)
    return backwards(findings, ops, sentence, series=lambda op: (op.key,))


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
    is before are not checked. A bound that is no number is refused.

    Violation: a read older than `bound` versions or seconds, as `in_` says; seconds by
    more than a billionth, since arithmetic with floats is not exact.

    Cost: O(n log n).
    """
    if in_ not in ("versions", "seconds"):
        raise ValueError(f"in_ is 'versions' or 'seconds', not {in_!r}")
    number(bound, "bound")
    findings = Findings()
    known, seen = writes(findings, history), reads(findings, history)
    several = several_keys(known + seen)
    later: dict[Any, _Later] = {}
    first = _superseded(known) if in_ == "seconds" else None
    for key, ops in _by_key(known).items():
        later[key] = _Later(ops)
    for op, returned in in_time(seen + known):
        versions = later.get(op.key)
        if versions is None:
            continue
        if op.op == "write":
            if returned:
                versions.acknowledge(version_of(op))
            continue
        if returned or not versions.total:
            continue
        findings.checked += 1
        behind = versions.than(version_of(op))
        age: float = behind
        if first and behind:
            age = op.t_call - first(op)
        if exceeds(age, bound):
            if first:
                limit = "1 second" if bound == 1 else f"{bound:g} seconds"
                when = f"more than {limit} after a later one was acknowledged"
            else:
                when = f"when version {versions.highest} was acknowledged: "
                when += f"{counted(behind, 'versions')} behind, and {bound:g} allowed"
            what = read_of(op, of_key(op, several))
            sentence = f"{op.client} {what} {when}"
            findings.broke(sentence, op.client, op.key, ops=[op])
    return findings


@check(
    "seen in time",
    "writes",
    "What is written is what every reader sees, {within:g} seconds later at most.",
    "nobody read what was written",
)
def seen_in_time(history: History, *, within: float, looks: int = 3) -> Findings:
    """How long does it take until readers see a write?

    The same promise as a staleness bound in seconds, asked of the writes: where clients
    look all the time, how many reads are old is a matter of the machine, and how many
    writes were seen late is not. An acknowledged write of a key that somebody reads is
    *due* `within` seconds after it returned. A read *shows* it when its version is not
    below the write's. A write is *late* when a read called after it was due does not
    show it, and *in time* when it is not late and a read that returned until it was due
    shows it. Where neither was seen, nobody looked in time, and nothing can be said. So
    it is with a late write when fewer than `looks` reads of its key were called between
    its return and the moment when it was due: the machine may have been too busy. Not
    so if the read that shows it late does not show an earlier version either, which is
    late beyond doubt: readers were stuck there, however often they looked.

    Violation: a late write.

    Cost: O(n log n).
    """
    number(within, "within")
    findings = Findings()
    known, seen = writes(findings, history), reads(findings, history)
    several = several_keys(known + seen)
    readers = {key: _Readers(ops) for key, ops in _by_key(seen).items()}
    overdue: list[tuple[Op, Op, bool]] = []  # write, late read, looked often enough
    for op in known:
        if op.key not in readers:
            continue
        findings.checked += 1
        due = ended(op)[0] + within
        due += TOLERANCE * max(1.0, abs(due))
        late = readers[op.key].oldest_after(due)
        if late is not None and version_of(late) < version_of(op):
            tried = readers[op.key].between(ended(op)[0], due)
            overdue.append((op, late, tried >= looks))
        elif readers[op.key].newest_until(due) < version_of(op):
            what = f"version {op.version}{of_key(op, several)}"
            doubt(findings, f"nobody looked in time whether {what} is there")
    certain = _by_key(op for op, _, sure in overdue if sure)
    stuck = {key: sorted(map(version_of, ops)) for key, ops in certain.items()}
    for op, late, sure in overdue:
        what = f"version {op.version}{of_key(op, several)}"
        if sure or _any_in(stuck.get(op.key, []), version_of(late), version_of(op)):
            then = f"{within:g} second{'s' * (within != 1)} later"
            sentence = f"{what} was acknowledged, and more than {then} {late.client}"
            findings.broke(f"{sentence} {read_of(late)}", op.key, op.version, ops=[op])
        else:
            doubt(findings, f"{what} was seen late, by readers who looked too seldom")
    return findings


def _any_in(versions: list[float], low: float, high: float) -> bool:
    """Whether one of the sorted versions is above low and not above high."""
    return bisect_right(versions, high) > bisect_right(versions, low)


class _Readers:
    """The reads of one key, asked by time in O(log n)."""

    def __init__(self, ops: Iterable[Op]) -> None:
        by_call = sorted(ops, key=lambda op: op.t_call)
        self._calls = [op.t_call for op in by_call]
        oldest = accumulate(reversed(by_call), partial(min, key=version_of))
        self._oldest = list(oldest)[::-1]
        by_return = sorted(by_call, key=ended)
        self._returns = [ended(op)[0] for op in by_return]
        self._newest = list(accumulate(map(version_of, by_return), max))

    def oldest_after(self, t: float) -> Op | None:
        """The read of the lowest version among those called after t."""
        place = bisect_right(self._calls, t)
        return self._oldest[place] if place < len(self._oldest) else None

    def newest_until(self, t: float) -> float:
        """The highest version among those that returned until t."""
        place = bisect_right(self._returns, t)
        return self._newest[place - 1] if place else -inf

    def between(self, since: float, until: float) -> int:
        """How many were called then, both ends included."""
        return bisect_right(self._calls, until) - bisect_left(self._calls, since)


class _Later:
    """How many acknowledged versions of one key are later than a given one.

    A Fenwick tree over the ranks of all versions, so that the order in which they are
    acknowledged does not matter: O(log n) each.
    """

    def __init__(self, ops: Iterable[Op]) -> None:
        self.versions = sorted({version_of(op) for op in ops})
        self.highest = -inf
        self.total = 0
        self._tree = [0] * (len(self.versions) + 1)
        self._there = bytearray(len(self.versions))

    def acknowledge(self, version: float) -> None:
        place = bisect_left(self.versions, version)
        if self._there[place]:
            return
        self._there[place] = 1
        self.total += 1
        self.highest = max(self.highest, version)
        place += 1
        while place < len(self._tree):
            self._tree[place] += 1
            place += place & -place

    def than(self, version: float) -> int:
        if version >= self.highest:
            return 0
        place, upto = bisect_right(self.versions, version), 0
        while place:
            upto += self._tree[place]
            place &= place - 1
        return self.total - upto


def _superseded(known: Iterable[Op]) -> Callable[[Op], float]:
    """A read of a superseded version -> when that version was, in seconds."""
    found: dict[Any, tuple[list[float], list[float]]] = {}
    for key, ops in _by_key(known).items():
        versions, moments, earliest = [], [], inf
        for op in sorted(ops, key=version_of, reverse=True):
            earliest = min(earliest, ended(op)[0])
            versions.append(version_of(op))
            moments.append(earliest)
        found[key] = versions[::-1], moments[::-1]

    def when(read: Op) -> float:
        versions, moments = found[read.key]
        return moments[bisect_right(versions, version_of(read))]

    return when


def _by_key(ops: Iterable[Op]) -> dict[Any, list[Op]]:
    found: dict[Any, list[Op]] = defaultdict(list)
    for op in ops:
        found[op.key].append(op)
    return found


@check(
    "every version was written",
    "reads",
    "No client reads a version that nobody wrote, or before its write was called.",
    "no read of a key that was written",
)
def versions_written(history: History) -> Findings:
    """Does what a client reads come from a write?

    This check needs all writes of its keys in the history. A version *may be written*
    by a write of that key and version that did not fail, and, whatever the version, by
    one that did not fail and does not know its version. Reads that found something, of
    a key that some write with a version wrote, are checked. A version below all those
    that writes of the key carry may be older than the history, so it is fine.

    Violation: a read of a version that no write may have written, or that is before
    every write that may have. A version that only writes carry that failed refutes
    their outcome, not the read: then the verdict is unknown.

    Cost: O(n log n).
    """
    findings = Findings()
    attempts = named(history, "write")
    since: dict[tuple, Moment] = {}  # (key, version) -> its earliest call
    anything: dict[Any, Moment] = {}  # key -> the earliest call without a version
    failed: dict[tuple, Moment] = {}
    lowest: dict[Any, float] = {}
    for op in attempts:
        if op.version is not None:
            lowest[op.key] = min(version_of(op), lowest.get(op.key, inf))
        place = (op.key, op.version)
        if op.outcome == "fail":
            failed[place] = min(called(op), failed.get(place, NEVER))
        elif op.version is None:
            anything[op.key] = min(called(op), anything.get(op.key, NEVER))
        else:
            since[place] = min(called(op), since.get(place, NEVER))
    seen = [op for op in reads(findings, history) if op.version is not None]
    several = several_keys(seen + attempts)
    for op in seen:
        if op.key not in lowest:
            continue
        place = (op.key, op.version)
        findings.checked += 1
        may = min(since.get(place, NEVER), anything.get(op.key, NEVER))
        if version_of(op) < lowest[op.key] or ended(op) > may:
            continue
        what = f"{op.client} {read_of(op, of_key(op, several))}"
        if ended(op) > failed.get(place, NEVER):
            doubt(findings, f"{what}, and its write is said to have failed")
            continue
        early = may < NEVER
        what += " before its write was called" if early else ", which nobody wrote"
        findings.broke(what, op.client, op.key, ops=[op])
    return findings
