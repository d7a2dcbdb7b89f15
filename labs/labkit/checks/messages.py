"""Checks of what is produced, delivered and processed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from itertools import pairwise
from math import inf
from typing import Any

from ..history import History, Op
from .common import (
    Moment,
    acknowledged,
    called,
    doubt,
    ended,
    identity,
    in_time,
    message_of,
    named,
    times,
)
from .registry import Findings, check, natural
from .verdict import listed


@check(
    "no duplicates",
    "messages",
    "No message is processed more than once.",
    "no message was processed",
)
def duplicates(history: History) -> Findings:
    """Is each message processed once?

    A message is *processed* by an acknowledged "process"; one in doubt may have had no
    effect, so it makes no duplicate. Each message is counted once, however often it
    was processed; that it is processed at all is not checked here, and neither is how
    often it was delivered.

    Violation: a message that was processed more than once.

    Counts: processed, and extra: how many of those were one too many.

    Cost: O(n).
    """
    findings = Findings()
    processed: dict[Hashable, list[Op]] = defaultdict(list)
    for op in history.ops("process", outcome="ok"):
        processed[identity(op)].append(op)
    for ops in processed.values():
        findings.checked += 1
        if len(ops) > 1:
            clients = sorted({op.client for op in ops}, key=natural)
            often = f"processed {times(len(ops))} by {listed(clients)}"
            first = ops[0]
            name = message_of(first)
            findings.broke(f"{name} was {often}", first.key, name, ops=ops[1:])
    total = sum(map(len, processed.values()))
    findings.counts = {"processed": total, "extra": total - len(processed)}
    return findings


@check(
    "order by key",
    "messages",
    "Messages of one key are processed in the order in which they were produced.",
    "no two messages of one key were produced and processed",
)
def key_order(history: History) -> Findings:
    """Are the messages of one key processed in the order in which they were produced?

    A message is *produced* from its first call of "produce" that did not fail until the
    first that was acknowledged; while it is only in doubt, it is not known to be before
    any other. It is *processed* by the first acknowledged "process" of it; later ones
    are duplicates, which are another check's business, and so are messages that are
    never processed. A message is checked when its produce is in the history and another
    message of its key was processed before it.

    Violation: a message processed after one whose production it was before.

    Cost: O(n) after a sort by time.
    """
    findings = Findings()
    produced: dict[Hashable, Op] = {}
    settled: dict[Hashable, Moment] = {}
    for op in history.ops("produce"):
        name = identity(op)
        if op.outcome != "fail":
            produced.setdefault(name, op)
        if op.outcome == "ok" and acknowledged(findings, [op]):
            settled[name] = min(ended(op), settled.get(name, ended(op)))
    first: dict[Hashable, Op] = {}
    for op in acknowledged(findings, history.ops("process")):
        name = identity(op)
        if name in produced:
            first.setdefault(name, op)
    latest: dict[Any, Op] = {}  # by key: the processed message that was produced last
    for op, returned in in_time(first.values()):
        name, last = identity(op), latest.get(op.key)
        if returned:
            if last is None or called(produced[name]) > called(last):
                latest[op.key] = produced[name]
        elif last is not None:
            findings.checked += 1
            if name in settled and settled[name] <= called(last):
                late = f"{op.client} processed {message_of(op)} after"
                sentence = f"{late} {message_of(last)}, which was produced later"
                findings.broke(sentence, op.key, message_of(op), ops=[op])
    return findings


@check(
    "no phantoms",
    "messages",
    "No message is processed that nobody produced, or before it was produced.",
    "no message was processed",
)
def phantoms(history: History) -> Findings:
    """Does what is processed come from what was produced?

    This check needs all produces of its messages in the history. A message is
    *processed* by an acknowledged "process". It *may be produced* from the call of its
    first "produce" that did not fail; that one may be in doubt.

    Violation: a message that was processed and that no "produce" may have produced (a
    phantom), or whose processing is before each of those (too early). A message whose
    every earlier "produce" failed refutes their outcome: then the verdict is unknown.

    Counts: phantoms, early.

    Cost: O(n).
    """
    findings, never = Findings(), (inf, True)
    may: dict[Hashable, Moment] = {}
    failed: dict[Hashable, Moment] = {}
    for op in history.ops("produce"):
        since = failed if op.outcome == "fail" else may
        name = identity(op)
        since[name] = min(called(op), since.get(name, never))
    soonest: dict[Hashable, Op] = {}
    for op in acknowledged(findings, history.ops("process")):
        name = identity(op)
        if name not in soonest or ended(op) < ended(soonest[name]):
            soonest[name] = op
    early = 0
    for name, op in soonest.items():
        findings.checked += 1
        if ended(op) > may.get(name, never):
            continue
        what = f"{op.client} processed {message_of(op)}"
        if ended(op) > failed.get(name, never):
            doubt(findings, f"{what}, and its produce is said to have failed")
            continue
        early += name in may
        why = " before it was produced" if name in may else ", which nobody produced"
        findings.broke(what + why, op.key, message_of(op), ops=[op])
    findings.counts = {"phantoms": len(findings.broken) - early, "early": early}
    return findings


@check(
    "no gaps",
    "records",
    "No record is passed over: what lies before a delivered record is delivered too.",
    "no record lies at or before one that was delivered",
)
def delivery_gaps(history: History) -> Findings:
    """Does a group of consumers pass a record over?

    A *record* is an acknowledged "produce" with extra {partition, offset}, and {topic}
    where there are several. It is *delivered* by a "process" with the same place,
    whatever its outcome: the consumer had it in its hands. A record is checked when it,
    or one of a higher offset in its partition, was delivered. Offsets at which nobody
    produced are no gaps: commit markers and compaction leave such.

    A record that is delivered again is told apart from one that has its effect again.
    It is *redelivered* by each delivery after its first; that is *after a rebalance*
    when another client had it the last time, or the same client has had an acknowledged
    "rebalance" between the two calls. *Effects twice* are acknowledged deliveries after
    the first acknowledged one: only those are harm, and `duplicates` is their check.

    Violation: a record that is checked and was never delivered.

    Counts: gaps, redelivered, after_rebalance, effects_twice.

    Cost: O(n log n).
    """
    findings = Findings()
    delivered: dict[tuple, list[Op]] = defaultdict(list)
    highest: dict[tuple, int] = {}
    moved: dict[str, int] = defaultdict(int)  # client -> how many rebalances so far
    known: dict[int, int] = {}  # op_id of a delivery -> the same, when it was called
    records = []
    for op in named(history, "produce", "process", "rebalance"):
        if op.op == "rebalance":
            moved[op.client] += op.outcome == "ok"
        elif (place := _place(op)) is None:
            continue
        elif op.op == "process":
            delivered[place].append(op)
            known[op.op_id] = moved[op.client]
            at, offset = place
            highest[at] = max(offset, highest.get(at, offset))
        elif op.outcome == "ok":
            records.append((place, op))
    for place, op in dict(reversed(records)).items():
        at, offset = place
        if offset > highest.get(at, -1):
            continue
        findings.checked += 1
        if place not in delivered:
            where = f"partition {at[1]}" + (f" of {at[0]}" if at[0] else "")
            passed = f"offset {offset} of {where} was never delivered"
            sentence = f"{passed}, and offset {highest[at]} was"
            findings.broke(sentence, where, offset, ops=[op])
    again = after = twice = 0
    for ops in delivered.values():
        again += len(ops) - 1
        twice += max(0, sum(op.outcome == "ok" for op in ops) - 1)
        for last, op in pairwise(ops):
            rebalanced = known[last.op_id] < known[op.op_id]
            after += last.client != op.client or rebalanced
    findings.counts = {
        "gaps": len(findings.broken),
        "redelivered": again,
        "after_rebalance": after,
        "effects_twice": twice,
    }
    return findings


def _place(op: Op) -> tuple[tuple, int] | None:
    """((topic, partition), offset) of a record, if the operation names them."""
    extra = op.extra
    if extra.get("partition") is None or extra.get("offset") is None:
        return None
    return (extra.get("topic"), extra["partition"]), extra["offset"]
