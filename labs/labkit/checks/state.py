"""Checks of what is stored: writes that are lost, and sums that do not add up."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import accumulate
from math import inf
from typing import Any

from ..history import History, Op
from .common import (
    Moment,
    acknowledged,
    alike,
    called,
    doubt,
    ended,
    exceeds,
    message_of,
    named,
    same,
    version_of,
    writes,
)
from .registry import Findings, check, number

SHOWS = ("read", "get", "list", "search")  # operations by which a client sees a value


@check(
    "no acknowledged write is lost",
    "acknowledged writes",
    "A write that a client was told is done is still there at the end.",
    "no write was acknowledged",
)
def lost_acknowledged_writes(
    history: History, *, survived: Iterable[Any] | None = None
) -> Findings:
    """Is everything still there that a client was told is stored?

    A *write* here is a "write" or a "produce", with or without a version, whose value
    no other write replaces: an order, a row, a record of a log. *Survivors* are the
    values of the end's read-backs:

        with run.call("auditor", "read back", "orders:0") as op:
            op.value = [...]     # every value that was there

    Each place (a table, a partition, a shard) is a key of its own, or None; the last
    read-back of each key is the end's, and together they must find all that there is.
    Earlier ones are reads like others. A write is *owed* when it is acknowledged, or is
    in doubt and was *seen*: a client read its value, alone or in a list, before the
    end. Only writes are owed that are before the end, which begins with the call of its
    first read-back; a write in doubt that nobody saw may survive or not. Values are
    compared with their types: where a survivor that no write explains may be what is
    missing in another type (3 and "3", 1 and 1.0), the comparison is at fault.

    Violation: a write that is owed and whose value did not survive.

    Unknown, if no write is found lost: nobody read back, or a read-back of the end
    failed, or all of them are empty (was it the right place?); a survivor of another
    type; a survivor whose every write is said to have failed, which refutes that.

    Counts: acknowledged, lost, in_doubt, in_doubt_survived, unexpected (survivors that
    nobody wrote); and, where there are any, refuted (survivors whose every write is
    said to have failed) and copies (how many survivors are one too many).

    `survived` stands for a read-back where the history shows in another way what is
    there at its end: the orders that were processed, the carts that a checkout had. It
    is whole and of the right place, even if it is nothing.

    Cost: O(n + number of survivors) after a sort by time.
    """
    findings = Findings()
    attempts = named(history, "write", "produce")
    told = acknowledged(findings, attempts)
    backs = named(history, "read back")
    if survived is not None:
        backs.append(Op(0, "", "read back", None, [*survived], t_call=inf, t_ret=inf))
        backs[-1].outcome = "ok"
    last = {op.key: op for op in backs}
    end = min(map(called, last.values()), default=(inf, True))
    found = [value for op in last.values() if op.outcome == "ok" for value in op.value]
    copies = Counter(map(same, found))
    words = {same(op.value): op for op in reversed(attempts)}
    seen = _seen(history, backs, end)
    kinds: dict[str, set[str | int]] = {"ok": set(), "unknown": set(), "fail": set()}
    owed: list[Op] = []
    for op in attempts:
        value = same(op.value)
        kinds[op.outcome].add(value)
        if op.outcome == "unknown" and value in seen:
            owed.append(op)
    owed += [op for op in told if ended(op) <= end]
    unexplained = {alike(value) for value in found if same(value) not in words}
    anything = bool(copies) or survived is not None
    complete = not owed or _complete(findings, last, anything)
    for op in owed:
        findings.checked += 1
        if not complete or same(op.value) in copies:
            continue
        if alike(op.value) in unexplained:
            other = "survived, but as a value of another type"
            doubt(findings, f"{op.value!r} {other}")
            continue
        was = "was told that" if op.outcome == "ok" else "was not told that"
        stored = f"{op.client} {was} {message_of(op)} was stored"
        gone = "and it is gone" if op.outcome == "ok" else "it was read, and it is gone"
        findings.broke(f"{stored}, {gone}", op.client, op.key, op.value, ops=[op])
    open_ = kinds["unknown"] - kinds["ok"]
    refuted = (kinds["fail"] - kinds["ok"] - kinds["unknown"]) & copies.keys()
    for value in sorted(refuted, key=str)[:1]:
        said = f"{message_of(words[value])} is there, and its write is said to have"
        doubt(findings, f"{said} failed")
    findings.counts = {
        "acknowledged": len(told),
        "lost": len(findings.broken),
        "in_doubt": len(open_),
        "in_doubt_survived": len(open_ & copies.keys()),
        "unexpected": len(copies.keys() - words.keys()),
    }
    rare = {"refuted": len(refuted), "copies": copies.total() - len(copies)}
    findings.counts |= {name: count for name, count in rare.items() if count}
    return findings


def _seen(history: History, backs: list[Op], end: Moment) -> set[str | int]:
    """The values that a client read before the end."""
    seen: set[str | int] = set()
    for op in named(history, *SHOWS) + backs:
        if op.outcome == "ok" and op.t_ret is not None and ended(op) <= end:
            parts = op.value if isinstance(op.value, list | tuple) else []
            seen.update(map(same, [op.value, *parts]))
    return seen


def _complete(findings: Findings, last: dict[Any, Op], anything: bool) -> bool:
    """Whether what is missing among the survivors is really gone."""
    failed = [op for op in last.values() if op.outcome != "ok"]
    if not last:
        doubt(findings, "nobody read back what is there at the end")
    elif failed:
        doubt(findings, f"operation {failed[0].op_id} read back, and got no answer")
    elif not anything:
        doubt(findings, "nothing at all was read back: was it the right place?")
    return bool(last) and not failed and anything


@check(
    "no lost update",
    "updates",
    "An update that builds on a version replaces that version and no later one.",
    "no update says which version it builds on",
)
def lost_updates(history: History) -> Findings:
    """Does an update overwrite one that it has not seen?

    An *update* is an acknowledged "write" with a version and extra {based_on}: the
    version that its client had read and changed. (A change that the server makes by
    itself, stock = stock - 1, builds on no version that a client read.) It *overwrites*
    the versions of its key above `based_on` and below its own that other acknowledged
    writes carry; and its own version, if another acknowledged write that was called
    earlier carries that. Versions in doubt are not overwritten for certain.

    Violation: an update that overwrites a version.

    Cost: O(n log n).
    """
    findings = Findings()
    known = writes(findings, history)
    versions: dict[Any, list[float]] = defaultdict(list)
    for op in known:
        versions[op.key].append(version_of(op))
    for found in versions.values():
        found.sort()
    taken: set[tuple] = set()
    for op in known:
        version, base = version_of(op), op.extra.get("based_on")
        again = (op.key, version) in taken
        taken.add((op.key, version))
        if base is None:
            continue
        findings.checked += 1
        found = versions[op.key]
        first = bisect_right(found, base)
        if first < bisect_left(found, version) or again:
            over = found[first] if first < bisect_left(found, version) else version
            wrote = f"{op.client} wrote version {op.version} of {op.key}"
            sentence = f"{wrote} from version {base} and overwrote version {over}"
            findings.broke(sentence, op.client, op.key, op.version, ops=[op])
    return findings


@check(
    "the count adds up",
    "counts",
    "A count is one that the additions made so far can give.",
    "nobody counted",
)
def counter(history: History, *, initial: float = 0) -> Findings:
    """Does a counter (stock, places left) show what was added and taken?

    An *addition* is an "add" whose value is a number, below 0 for what is taken. A
    *count* is an acknowledged "count" of the same key; its value is the number shown.
    An addition is *certain* for a count when it is acknowledged and before it. It is
    *possible* when it did not fail, is not certain, and the count is not before it: it
    overlaps the count, or is in doubt. The count may have any value from `initial` and
    the certain additions with all possible ones below 0, to the same with all possible
    ones above 0.

    Violation: a count outside that range, which the additions allow, by more than a
    billionth.

    Counts: possible: how many counts had possible additions, and so a range.

    Cost: O(n log n).
    """
    number(initial, "initial")
    findings, ranges = Findings(), 0
    sums = {}
    adds: dict[Any, list[Op]] = defaultdict(list)
    for op in named(history, "add"):
        if op.outcome != "fail":
            adds[op.key].append(op)
    for key, ops in adds.items():
        certain = [op for op in ops if op.outcome == "ok" and op.t_ret is not None]
        sums[key] = _Sums(ops, called), _Sums(certain, ended)
    nothing = _Sums([], called), _Sums([], ended)
    for op in acknowledged(findings, history.ops("count")):
        findings.checked += 1
        begun, done = sums.get(op.key, nothing)
        may, must = begun.before(ended(op)), done.until(called(op))
        ranges += may[2] > must[2]
        low = initial + must[0] + must[1] + (may[0] - must[0])
        high = initial + must[0] + must[1] + (may[1] - must[1])
        if exceeds(low, op.value) or exceeds(op.value, high):
            can = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            sentence = (
                f"{op.client} counted {op.value} of {op.key}, and it can be {can}"
            )
            findings.broke(sentence, op.client, op.key, ops=[op])
    findings.counts = {"possible": ranges}
    return findings


class _Sums:
    """Sums of the additions below 0 and above 0, and their number, up to a moment."""

    def __init__(self, ops: list[Op], moment: Any) -> None:
        ops = sorted(ops, key=moment)
        self._moments = [moment(op) for op in ops]
        self._below = [0, *accumulate(min(op.value, 0) for op in ops)]
        self._above = [0, *accumulate(max(op.value, 0) for op in ops)]

    def before(self, moment: Moment) -> tuple[float, float, int]:
        return self._upto(bisect_left(self._moments, moment))

    def until(self, moment: Moment) -> tuple[float, float, int]:
        return self._upto(bisect_right(self._moments, moment))

    def _upto(self, place: int) -> tuple[float, float, int]:
        return self._below[place], self._above[place], place
