"""What a lab leaves for the book: the one bridge from a run to a sentence.

labs/runs.json holds the reports of the stored labs, each as `Report.told` gives it.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .proof import Run


def today() -> str:
    return datetime.date.today().isoformat()


@dataclass(frozen=True)
class LedgerLine:
    """What is promised, by which setting, and who answers for it; the expression to
    alert on, and what whoever is called does first."""

    endpoint: str
    promise: str
    setting: str
    owner: str
    alert: str = ""
    runbook: str = ""

    def told(self) -> dict[str, str]:
        """Its entries; a line without an alert tells of none."""
        entries = asdict(self)
        if not self.alert:
            del entries["alert"], entries["runbook"]
        return entries


@dataclass
class ProofReport:
    """By run: its verdict's state, and what was counted in it; by half measure: what
    was red about it."""

    states: dict[str, str] = field(default_factory=dict)
    halves: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, run: Run) -> None:
        verdict = run.verdict
        assert verdict is not None
        if run.half:
            self.halves[run.half] = run.red or verdict.state
        else:
            self.states[run.name] = verdict.state
        self.counts[run.half or run.name] = {
            "checked": verdict.checked,
            "violations": verdict.violations,
            **verdict.counts,
        }

    def told(self) -> dict[str, Any]:
        """The states stand beside "counts", and beside "halves" where some ran."""
        halves = {"halves": self.halves} if self.halves else {}
        return {**self.states, **halves, "counts": self.counts}


@dataclass
class Report:
    """One run of a lab.

    date: of the run, in ISO's form. servers: versions by product. seconds: from the
    lab's opening to the last thing told. peak_mb: of this kernel and its servers.
    facts: numbers and short texts that a chapter may quote.
    """

    runtime: str
    date: str = field(default_factory=today)
    servers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: int = 0
    proofs: dict[str, ProofReport] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    ledger: list[LedgerLine] = field(default_factory=list)
    exercises: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        proofs = {name: proof.told() for name, proof in self.proofs.items()}
        ledger = [line.told() for line in self.ledger]
        return {**vars(self), "proofs": proofs, "ledger": ledger}

    def save(self, path: str | Path, lab: str) -> None:
        text = json.dumps({lab: self.told()}, indent=1, sort_keys=True)
        Path(path).write_text(text + "\n", encoding="utf-8")
