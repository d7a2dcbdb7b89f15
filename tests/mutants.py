"""Run one lab's cells, and break each of its lessons in three ways as it goes by.

    python mutants.py LAB.ipynb          prints {proof: {mutant: "red" | "green"}}
    python mutants.py LAB.ipynb MUTANT   breaks every proof for good; the lab must fail

A proof's control is run as its incident with the fault taken out, and its unguarded
run as its guarded one with the guardrail taken out: the same work, and each must be
refused. Then its incident is judged by a check that sees nothing. The lab goes on with
what those runs recorded; what comes after the last proof is left out.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from labkit.faults import Fault
from labkit.proof import RUNS, Proof, ProofFailed, Run


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
    """Make every proof of the lab try its mutants in place of runs that do the same."""

    def control(proof: Proof) -> Run:
        return instead(proof, "control", "fault_disabled")

    def unguarded(proof: Proof) -> Run:
        run = instead(proof, "unguarded", "guardrail_disabled")
        with as_it_was(proof):
            play_back(proof, proof.runs["incident"])
            results[proof.name]["check_blind"] = refused(proof, "check_blind")[0]
        return run

    def instead(proof: Proof, name: str, mutant: str) -> Run:
        colour, made = refused(proof, mutant)
        fault_on, guardrail_on, expected = RUNS[name]
        verdict = proof.check(made.history)
        # the refusal counts if the run came out like the one that it stands for
        right = verdict.state == expected
        results.setdefault(proof.name, {})[mutant] = colour if right else str(verdict)
        run = Run(name, fault_on, guardrail_on, expected, made.history, made.rng)
        run.verdict, run.cost, run.seconds = verdict, made.cost, made.seconds
        run.meter = made.meter if fault_on else None
        proof.runs[name] = run
        return run

    Proof.control = control  # type: ignore[method-assign]
    Proof.unguarded = unguarded  # type: ignore[method-assign]


def play_back(proof: Proof, recorded: Run) -> None:
    """The next run is the recorded one: a check is a pure function of its history."""

    def clients(run: Run, way: object) -> None:
        for op in recorded.history.ops():
            run.history.add(dataclasses.replace(op))

    def meter():
        yield lambda: recorded.meter

    proof.schedule, proof.fault = clients, lambda: Fault("played back", meter)
    proof.reset = proof.cost = None


def refused(proof: Proof, mutant: str) -> tuple[str, Run]:
    """ "red" if the mutated run is refused, else "green"; and the run."""
    mutate, name = MUTANTS[mutant]
    with as_it_was(proof):
        proof.done = lambda *_: None
        proof.runs = dict(proof.runs)
        mutate(proof)
        try:
            return "green", getattr(proof, name)()
        except ProofFailed:
            return "red", proof.runs[name]


@contextmanager
def as_it_was(proof: Proof) -> Iterator[None]:
    """Whatever the block does to the proof is undone."""
    kept = dict(vars(proof))
    try:
        yield
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
