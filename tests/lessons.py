"""Run one lab's cells and try, as it goes by, everything that its lessons must survive.

    python lessons.py LAB.ipynb          prints what came out, as JSON (see `Tried`)
    python lessons.py LAB.ipynb MUTANT   breaks every proof for good; the lab must fail

A proof's control is run as its incident with the fault taken out, and its unguarded
run as its guarded one with the guardrail taken out: the same work, and each must be
refused. Its incident is then judged by a check that sees nothing. Every half measure
that the lab has not shown is run; each must be red. Every verdict is reached once more
from the history alone, written to a file and read back. The lab goes on with what those
runs recorded; what comes after the last proof is left out.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import runner

from labkit import wait
from labkit.checks import Verdict
from labkit.faults import Fault
from labkit.history import History
from labkit.proof import RUNS, Proof, ProofFailed, Run


@dataclasses.dataclass
class Tried:
    """What was tried with one proof.

    mutants: "red" for each that was refused, else what came out. halves: by name, by
    what each went red, or "holds". runs: those made. useful: whether the proof says
    what must still work. unlike: runs whose verdict differs when it is reached from the
    saved history.
    """

    mutants: dict[str, str] = dataclasses.field(default_factory=dict)
    halves: dict[str, str] = dataclasses.field(default_factory=dict)
    runs: list[str] = dataclasses.field(default_factory=list)
    useful: bool = False
    unlike: list[str] = dataclasses.field(default_factory=list)


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
proofs: dict[str, Proof] = {}
tried: dict[str, Tried] = {}


def of(proof: Proof) -> Tried:
    proofs[proof.name] = proof
    return tried.setdefault(proof.name, Tried())


def break_in_passing() -> None:
    """Make every proof of the lab try its mutants in place of runs that do the same."""
    real_run = Proof._run

    def control(proof: Proof) -> Run:
        return instead(proof, "control", "fault_disabled")

    def unguarded(proof: Proof) -> Run:
        run = instead(proof, "unguarded", "guardrail_disabled")
        with as_it_was(proof):
            play_back(proof, proof.runs["incident"])
            of(proof).mutants["check_blind"] = refused(proof, "check_blind")[0]
        return run

    def instead(proof: Proof, name: str, mutant: str) -> Run:
        colour, made = refused(proof, mutant)
        fault_on, guardrail_on, expected = RUNS[name]
        verdict = proof.check(made.history)
        # the refusal counts if the run came out like the one that it stands for
        right = verdict.state == expected
        of(proof).mutants[mutant] = colour if right else str(verdict)
        run = dataclasses.replace(
            made,
            name=name,
            fault_on=fault_on,
            guardrail_on=guardrail_on,
            expected=expected,
            verdict=verdict,
            useful=None,
            meter=made.meter if fault_on else None,
            fault_at=made.fault_at if fault_on else None,
        )
        proof.runs[name] = run
        return run

    def run(proof: Proof, *args: Any, **more: Any) -> Run:
        made = real_run(proof, *args, **more)
        print(f"{made.title}: {made.seconds:.1f} s", file=sys.stderr)
        if not judged_alike(proof, made):
            of(proof).unlike.append(made.title)
        return made

    Proof.control = control  # type: ignore[method-assign]
    Proof.unguarded = unguarded  # type: ignore[method-assign]
    Proof._run = run  # type: ignore[method-assign]


def judged_alike(proof: Proof, run: Run) -> bool:
    """Whether the saved history, read back, gives the verdicts that the run had."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        try:
            run.history.save(path)
        except TypeError:  # an operation holds what is no JSON
            return False
        saved = History.load(path)
    return all(
        judge is None or seen is None or same(judge(saved), seen)
        for judge, seen in ((proof.check, run.verdict), (proof.useful, run.useful))
    )


def same(again: Verdict, first: Verdict) -> bool:
    """A late schedule or a silent meter makes a verdict unknown whatever the check."""
    return first.unknown or again == first


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


def try_halves(proof: Proof) -> None:
    """Every half measure, run here unless the lab has shown it."""
    for name in proof.halves:
        if name in proof.half_runs:
            run = proof.half_runs[name]
        else:
            try:
                run = proof.half(name)
            except ProofFailed as error:
                of(proof).halves[name] = f"not red: {error}"
                continue
        of(proof).halves[name] = run.answer


def break_for_good(name: str) -> None:
    """Break every proof of the lab where it is made."""
    mutate, _ = MUTANTS[name]
    made, guard = Proof.__init__, Proof.guard

    def broken(proof: Proof, *args, **kwargs) -> None:
        made(proof, *args, **kwargs)
        mutate(proof)

    def guarded(proof: Proof, *args, **kwargs) -> None:
        guard(proof, *args, **kwargs)
        if name == "guardrail_disabled":
            mutate(proof)

    Proof.__init__ = broken  # type: ignore[method-assign]
    Proof.guard = guarded  # type: ignore[method-assign]


ASSERTED = r"\.(unguarded|half|idle|guarded)\("  # the proofs' last runs


def run_cells(path: Path) -> None:
    """Run the code cells that the proofs need, in order and in one namespace; then the
    half measures that the lab has not shown."""
    engine = runner.Namespace(path.name)
    cells = runner.needed(runner.read(path).cells, ASSERTED)
    runner.play(cells, engine)
    for proof in list(proofs.values()):
        try_halves(proof)
    engine.names["lab"].close()  # type: ignore[attr-defined]


def is_the_labs(place: str, path: Path) -> bool:
    """Waits of the lab's own cells and of the shop; a server's start is neither."""
    return place.startswith(f"{path.name}:") or "/labkit/shop/" in place


LATE = 240  # seconds; then and again it tells where it stands, before it is stopped


def main(path: Path, mutant: str = "") -> None:
    faulthandler.dump_traceback_later(LATE, repeat=True)
    if mutant:
        break_for_good(mutant)
    else:
        break_in_passing()
    run_cells(path)
    for proof in proofs.values():
        of(proof).runs = list(proof.runs)
        of(proof).useful = proof.useful is not None
    found = {name: dataclasses.asdict(one) for name, one in tried.items()}
    waits = [place for place in wait.never_waited() if is_the_labs(place, path)]
    print(json.dumps({"proofs": found, "never waited": waits}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
