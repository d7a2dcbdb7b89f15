"""Checks of who is answered, and bounds on how often something is done."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..history import History, Op
from .common import named
from .registry import Check, Findings, check, make, number, register


@check(
    "everybody is answered",
    "requests",
    "Whoever asks is answered, and not with an error.",
    "nobody asked",
)
def everybody_is_answered(
    history: History, *, asks: str | tuple[str, ...] = "read"
) -> Findings:
    """Is everybody answered?

    A *request* is an operation named `asks`, or by one of several names, that a client
    set out to do; what the system does in answer (`inner`) is none. It is *answered*
    when it is acknowledged.

    Violation: a request that was not answered, whether it failed or is in doubt. The
    examples are what clients were told; which of them were refused is often luck.

    Counts: answered.

    Cost: O(n).
    """
    findings = Findings()
    for op in named(history, *([asks] if isinstance(asks, str) else asks)):
        if op.inner:
            continue
        findings.checked += 1
        if op.outcome != "ok":
            # an error of a connection begins with an address, which differs
            told = re.split(r"(?:FATAL|failed): +", op.error or "nothing")[-1]
            findings.broke(f"a client was told: {told}", told, ops=[op])
    findings.counts = {"answered": findings.checked - len(findings.broken)}
    return findings


# Bounds: what must still work, and what may happen only so often


def at_most(
    bound: float,
    what: str,
    *,
    where: Callable[[Op], bool],
    of: str | tuple[str, ...] | None = None,
) -> Check:
    """A check that counts operations, and finds at most `bound` of them.

        few = checks.at_most(5, "reads asked of the primary", of="read",
                             where=lambda op: op.node == "primary")
        few(history)     # reads asked of the primary: 3, and at most 5 are allowed

    An operation *counts* when `where(op)` is true, whatever its outcome: ask for
    op.outcome where that matters. It is *checked* when it is named `of`, or by one of
    several names; every operation is when `of` is None. When there is none, nothing was
    tried, and the verdict is unknown.

    Violation: every operation that counts, when more than `bound` do.

    Cost: O(n), and one call of `where` for each operation checked.
    """
    return _bounded(bound, what, where, of, least=False)


def at_least(
    bound: float,
    what: str,
    *,
    where: Callable[[Op], bool],
    of: str | tuple[str, ...] | None = None,
) -> Check:
    """A check that counts operations, and finds at least `bound` of them.

        most = checks.at_least(90, "orders taken", of="write",
                               where=lambda op: op.outcome == "ok")
        most(history)    # orders taken: 40, and at least 90 are needed

    An operation *counts* and is *checked* as for `at_most`.

    Violation: every operation checked that does not count, when fewer than `bound` do;
    one violation if all of them count and are too few.

    Cost: O(n), and one call of `where` for each operation checked.
    """
    return _bounded(bound, what, where, of, least=True)


def _bounded(
    bound: float,
    what: str,
    where: Callable[[Op], bool],
    of: str | tuple[str, ...] | None,
    least: bool,
) -> Check:
    number(bound, "bound")
    names = (of,) if isinstance(of, str) else of
    verb = "is" if bound == 1 else "are"
    some = f"at least {bound:g} {verb} needed"
    needed = some if least else f"at most {bound:g} {verb} allowed"

    def find(history: History) -> Findings:
        findings = Findings()
        counted: list[Op] = []
        others: list[Op] = []
        for op in history:
            if names is None or op.op in names:
                findings.checked += 1
                (counted if where(op) else others).append(op)
        many = len(counted)
        findings.counts = {"counted": many}
        findings.shown = f"{what}: {many}, and {needed}"
        if many < bound if least else many > bound:
            for op in others if least else counted:
                findings.broke(findings.shown, ops=[op])
            if not findings.broken:
                findings.broke(findings.shown)
        return findings

    needs = f"no operation{' named ' + ' or '.join(names) if names else ''}"
    promise = f"{what[:1].upper()}{what[1:]}: {needed}."
    promise = promise.replace("{", "{{").replace("}", "}}")
    return make(find, what, "operations", promise, needs)


WHAT = "What is counted happens {} {{bound}} times."
register("at most", "operations", WHAT.format("at most"), at_most)
register("at least", "operations", WHAT.format("at least"), at_least)
