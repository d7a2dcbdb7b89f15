"""Checks of what is produced and processed."""

from __future__ import annotations

from collections import defaultdict
from math import inf
from typing import Any

from ..history import History, Op
from .common import identity, in_time, message_of, returned_at, times
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
    was processed; that it is processed at all is not checked here.

    Violation: a message that was processed more than once.

    Counts: processed, and extra: how many of those were one too many.

    Cost: O(n).
    """
    findings = Findings()
    processed: dict[str, list[Op]] = defaultdict(list)
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
    called: dict[str, Op] = {}
    settled: dict[str, float] = {}
    for op in history.ops("produce"):
        name = identity(op)
        if op.outcome != "fail":
            called.setdefault(name, op)
        if op.outcome == "ok":
            settled[name] = min(returned_at(op), settled.get(name, inf))
    first: dict[str, Op] = {}
    for op in history.ops("process", outcome="ok"):
        if identity(op) in called:
            first.setdefault(identity(op), op)
    latest: dict[Any, Op] = {}  # by key: the processed message that was produced last
    for op, returned in in_time(first.values()):
        name, last = identity(op), latest.get(op.key)
        if returned:
            if last is None or called[name].t_call > last.t_call:
                latest[op.key] = called[name]
        elif last is not None:
            findings.checked += 1
            if settled.get(name, inf) <= last.t_call:
                late = (
                    f"{op.client} processed {message_of(op)} after {message_of(last)}"
                )
                sentence = f"{late}, which was produced later"
                findings.broke(sentence, op.key, message_of(op), ops=[op])
    return findings
