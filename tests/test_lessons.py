"""A lesson that can be broken unnoticed fails its lab: no fault, no guardrail, half a
guardrail, a blind check, a check that sees more than the history, a wait that waits for
nothing."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from halves import KEPT

ROOT = Path(__file__).parents[1]
LABS = sorted((ROOT / "labs").glob("*.ipynb"))
MUTANTS = ("fault_disabled", "guardrail_disabled", "check_blind")
ALLOWED = tomllib.loads((ROOT / "tests" / "lessons.toml").read_text())


def run(*words, within=280):
    try:
        return subprocess.run(
            [sys.executable, str(ROOT / "tests" / "lessons.py"), *map(str, words)],
            cwd=ROOT / "labs",
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'labs'}{os.pathsep}{ROOT / 'tools'}",
                "MPLBACKEND": "agg",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
        )
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"{late}\n{(late.stderr or b'').decode()}")


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_each_lesson_goes_red_when_any_part_of_it_is_taken_out(lab, request):
    # pods come and go in seconds, not in milliseconds
    slow = request.node.get_closest_marker("kubernetes")
    within = 840 if slow else 280
    kept = KEPT / f"{lab.stem}.json"
    kept.unlink(missing_ok=True)  # `make halves` shall not show what came out before
    done = run(lab, within=within)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    KEPT.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(told["proofs"]))
    stored = json.loads((ROOT / "labs" / "runs.json").read_text())[lab.stem]["proofs"]
    assert told["proofs"].keys() == stored.keys()
    for name, tried in told["proofs"].items():
        assert tried["mutants"] == dict.fromkeys(MUTANTS, "red"), name
        assert tried["useful"], f"{name}: it does not say what must still work"
        assert {"control", "incident", "guarded", "idle", "unguarded"} == set(
            tried["runs"]
        ), name
        assert len(tried["halves"]) >= 2, f"{name}: fewer than two half measures"
        for half, answer in tried["halves"].items():
            assert answer.startswith("Holds without it? No"), (
                f"{name}, {half}: {answer}"
            )
        assert not tried["unlike"], f"{name}: judged by more than the history"
    idle = idle_waits(lab, told)
    if idle:  # a quick machine may have been ahead of each of them: once more
        again = run(lab, within=within)
        idle &= idle_waits(lab, json.loads(again.stdout.splitlines()[-1]))
    assert not idle, "true at the first look in two runs; see tests/lessons.toml"


def idle_waits(lab, told):
    """Waits of the lab and of the shop that never waited, without those that may."""
    allowed = ALLOWED["may"].get(lab.stem, {})
    return {place.rpartition("/")[2] for place in told["never waited"]} - set(allowed)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_lab_with_a_broken_lesson_stops_at_that_cell(mutant):
    done = run(ROOT / "labs" / "read_your_writes.ipynb", mutant)
    assert done.returncode == 1
    assert "labkit.proof.ProofFailed" in done.stderr
