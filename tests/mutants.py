"""Run one lab's cells, and break each of its lessons in three ways as it goes by.

    python mutants.py LAB.ipynb          prints {proof: {mutant: "red" | "green"}}
    python mutants.py LAB.ipynb MUTANT   breaks every proof for good; the lab must fail

After a proof's fourth run, and with the servers as the lab left them, its runs are made
again with the fault, the guardrail or the check taken out. Each must be refused. What
comes after the last proof is left out.
"""

from __future__ import annotations

import ast
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
    """Run the code cells that the proofs need, in order and in one namespace."""
    names: dict[str, object] = {"__name__": "__main__", "display": lambda *_: None}
    for cell in needed(nbformat.read(path, as_version=4).cells):
        exec(compile(cell.source, f"{path.name}:{cell.id}", "exec"), names)
    names["lab"].close()  # type: ignore[attr-defined]


def needed(cells: list) -> list:
    """Up to the last proof's last run; of figures and of cells that only measure time,
    those that a later cell takes a name from."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    last = max(n for n, cell in enumerate(code) if ".unguarded()" in cell.source)
    kept: list = []
    wanted: set[str] = set()
    for cell in reversed(code[: last + 1]):
        made, used = names_in(cell.source)
        optional = {"timing", "hide-input"} & set(cell.metadata.get("tags", []))
        if not optional or made & wanted:
            kept.append(cell)
            wanted |= used
    return kept[::-1]


def names_in(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell makes, and those that it uses."""
    made, used = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
    return made, used


if __name__ == "__main__":
    results: dict[str, dict[str, str]] = {}
    if len(sys.argv) > 2:
        break_for_good(sys.argv[2])
    else:
        break_in_passing(results)
    run_cells(Path(sys.argv[1]))
    print(json.dumps(results))
