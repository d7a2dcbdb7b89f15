"""A lesson that is broken fails its lab: no fault, no guardrail, or a blind check."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LABS = sorted((ROOT / "labs").glob("*.ipynb"))
MUTANTS = ("fault_disabled", "guardrail_disabled", "check_blind")


def run(*words):
    return subprocess.run(
        [sys.executable, str(ROOT / "tests" / "mutants.py"), *map(str, words)],
        cwd=ROOT / "labs",
        env={**os.environ, "PYTHONPATH": str(ROOT / "labs"), "MPLBACKEND": "agg"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_each_lesson_goes_red_when_its_fault_guardrail_or_check_is_taken_out(lab):
    done = run(lab)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    stored = json.loads((ROOT / "labs" / "runs.json").read_text())[lab.stem]["proofs"]
    assert results.keys() == stored.keys()
    for name, mutants in results.items():
        assert mutants == dict.fromkeys(MUTANTS, "red"), name


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_lab_with_a_broken_lesson_stops_at_that_cell(mutant):
    done = run(ROOT / "labs" / "read_your_writes.ipynb", mutant)
    assert done.returncode == 1
    assert "labkit.proof.ProofFailed" in done.stderr
