"""Run one lab's cells, and break each of its lessons in three ways as it goes by.

    python mutants.py LAB.ipynb          prints {proof: {mutant: "red" | "green"}}
    python mutants.py LAB.ipynb MUTANT   breaks every proof for good; the lab must fail

After a proof's fourth run, and with the servers as the lab left them, its runs are made
again with the fault, the guardrail or the check taken out. Each must be refused.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat

from labkit.faults import Fault
from labkit.proof import Proof, ProofFailed


def fault_disabled(proof: Proof) -> None:
    def nothing():
        yield lambda: 0

    proof.fault = lambda: Fault("disabled", nothing)


def guardrail_disabled(proof: Proof) -> None:
    proof.guardrail = proof.without


def check_blind(proof: Proof) -> None:
    seeing = proof.check
    proof.check = lambda history: dataclasses.replace(
        seeing(history), state="holds", violations=0, examples=()
    )


# the mutant, and the run that must go red because of it
MUTANTS: dict[str, tuple[Callable[[Proof], None], str]] = {
    "fault_disabled": (fault_disabled, "incident"),
    "guardrail_disabled": (guardrail_disabled, "guarded"),
    "check_blind": (check_blind, "incident"),
}


def break_in_passing(results: dict[str, dict[str, str]]) -> None:
    """Make every proof of the lab try its mutants after its last run."""
    last = Proof.unguarded

    def unguarded(proof: Proof):
        run = last(proof)
        results[proof.name] = {name: verdict(proof, name) for name in MUTANTS}
        return run

    Proof.unguarded = unguarded  # type: ignore[method-assign]


def verdict(proof: Proof, name: str) -> str:
    kept = dict(vars(proof))
    mutate, run = MUTANTS[name]
    proof.done = lambda *_: None
    proof.runs = dict(proof.runs)
    mutate(proof)
    try:
        getattr(proof, run)()
        return "green"
    except ProofFailed:
        return "red"
    finally:
        vars(proof).update(kept)


def break_for_good(name: str) -> None:
    """Break every proof of the lab where it is made."""
    mutate, _ = MUTANTS[name]
    made = Proof.__init__

    def broken(proof: Proof, *args, **kwargs) -> None:
        made(proof, *args, **kwargs)
        mutate(proof)

    Proof.__init__ = broken  # type: ignore[method-assign]


def run_cells(path: Path) -> None:
    """Run the code cells in order, in one namespace, as a kernel does."""
    names: dict[str, object] = {"__name__": "__main__", "display": lambda *_: None}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"{path.name}:{cell.id}", "exec"), names)


if __name__ == "__main__":
    results: dict[str, dict[str, str]] = {}
    if len(sys.argv) > 2:
        break_for_good(sys.argv[2])
    else:
        break_in_passing(results)
    run_cells(Path(sys.argv[1]))
    print(json.dumps(results))
