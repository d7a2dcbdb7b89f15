"""Checks of what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..history import History
from .common import message_of, same
from .registry import Findings, check, text


@check(
    "no acknowledged write is lost",
    "acknowledged writes",
    "A write that a client was told is done is still there at the end.",
    "no write was acknowledged",
)
def lost_acknowledged_writes(history: History, *, survived: Iterable[Any]) -> Findings:
    """Is everything still there that a client was told is stored?

    A *write* here is a "write" or a "produce", with or without a version, whose value
    no other write replaces: an order, a row, a record of a log. *Survived* are the
    values that were read back at the end. A write in doubt is never lost: it may
    survive or not. A value that survived under another type (3 and "3") makes the
    verdict unknown, because the comparison, not the server, is at fault.

    Violation: an acknowledged write whose value did not survive.

    Counts: acknowledged, lost, in_doubt, in_doubt_survived, and unexpected: values that
    survived although no write that was acknowledged or is in doubt carries them.

    Cost: O(n + number of survivors).
    """
    findings = Findings()
    there = {same(value): value for value in survived}
    texts = {text(value) for value in there.values()}
    writes = history.ops("write") + history.ops("produce")
    told = [op for op in writes if op.outcome == "ok"]
    doubt = {same(op.value) for op in writes if op.outcome == "unknown"}
    for op in told:
        findings.checked += 1
        if same(op.value) in there:
            continue
        if text(op.value) in texts:
            raise TypeError(f"{op.value!r} survived, but as a value of another type")
        stored = f"{op.client} was told that {message_of(op)} was stored"
        findings.broke(
            f"{stored}, and it is gone", op.client, op.key, op.value, ops=[op]
        )
    known = {same(op.value) for op in told}
    findings.counts = {
        "acknowledged": len(told),
        "lost": len(findings.broken),
        "in_doubt": len(doubt - known),
        "in_doubt_survived": len((doubt - known) & there.keys()),
        "unexpected": len(there.keys() - known - doubt),
    }
    return findings
