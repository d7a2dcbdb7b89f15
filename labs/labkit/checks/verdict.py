"""What a check says of one history, and how several verdicts become one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Verdict:
    """What a check found in one history.

    check       the promise's name: "read your writes"
    state       "holds", "violated" or "unknown"
    checked     how many `unit` were checked; violations: how many of them broke it
    examples    at most three different sentences about what a client saw
    definition  the promise in one sentence
    counts      further numbers by name, for prose and tables
    reason      why the state is unknown, else ""
    unit        what was checked, in the plural: "reads"
    where       the op_ids of all operations that broke the promise, in ascending order
    amounts     {check: checked}, of every check that is part of this verdict

    The same history gives an equal verdict, word for word: no times, no random ids.
    """

    check: str
    state: str
    checked: int
    violations: int
    examples: tuple[str, ...]
    definition: str
    counts: dict[str, Any]
    reason: str = ""
    unit: str = "operations"
    where: tuple[int, ...] = field(default=(), compare=False, repr=False)
    amounts: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.amounts:
            object.__setattr__(self, "amounts", {self.check: self.checked})

    @property
    def holds(self) -> bool:
        return self.state == "holds"

    @property
    def violated(self) -> bool:
        return self.state == "violated"

    @property
    def unknown(self) -> bool:
        return self.state == "unknown"

    def __str__(self) -> str:
        total = counted(self.checked, self.unit)
        found = {
            "holds": f"{total} checked",
            "violated": f"{self.violations} of {total}",
            "unknown": self.reason,
        }
        first = f"{self.state.upper():<8}  {self.check}: {found[self.state]}"
        return "\n".join([first, *(f"  {example}" for example in self.examples)])


def counted(number: int, plural: str) -> str:
    """ "1 read", "2 reads", "1 entry": a count and its noun, which agree."""
    if number != 1:
        return f"{number} {plural}"
    singular = re.sub("ies$", "y", plural)
    return f"1 {singular.removesuffix('s') if singular == plural else singular}"


def listed(names: list[str]) -> str:
    """ "one, two and three"."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last


def combine(*verdicts: Verdict) -> Verdict:
    """One verdict for several: violated if any is, else unknown if any is, else holds.

    It counts promises, keeps the first three examples, and counts the states. `where`
    has the violating operations of all; `amounts` adds up what each check checked.
    """
    by_state = {
        state: [verdict for verdict in verdicts if verdict.state == state]
        for state in ("violated", "unknown", "holds")
    }
    names = list(dict.fromkeys(verdict.check for verdict in verdicts))
    definitions = dict.fromkeys(verdict.definition for verdict in verdicts)
    reasons = [f"{verdict.check}: {verdict.reason}" for verdict in by_state["unknown"]]
    state = next((state for state, found in by_state.items() if found), "unknown")
    examples = [line for verdict in by_state["violated"] for line in verdict.examples]
    amounts: dict[str, int] = {}
    for verdict in verdicts:
        for check, checked in verdict.amounts.items():
            amounts[check] = amounts.get(check, 0) + checked
    return Verdict(
        check=listed(names) or "no check",
        state=state,
        checked=len(verdicts),
        violations=len(by_state["violated"]),
        examples=tuple(examples[:MOST_EXAMPLES]),
        definition=" ".join(definitions),
        counts={state: len(found) for state, found in by_state.items()},
        reason=("; ".join(reasons) or "no verdicts") if state == "unknown" else "",
        unit="promises",
        where=tuple(sorted({op_id for v in verdicts for op_id in v.where})),
        amounts=amounts,
    )
