"""What a lab leaves for the book."""

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit.report import LedgerLine, ProofReport, Report

RUNS = json.loads((Path(__file__).parents[1] / "labs" / "runs.json").read_text())
VERDICT = SimpleNamespace(
    state="violated", checked=9, violations=2, counts={"stale": 2}
)


def run(name, half="", red=""):
    return SimpleNamespace(name=name, verdict=VERDICT, half=half, red=red)


@pytest.mark.parametrize("lab", RUNS)
def test_a_stored_run_has_what_a_report_has(lab):
    assert RUNS[lab].keys() == {field.name for field in fields(Report)}
    for line in RUNS[lab]["ledger"]:
        assert LedgerLine(**line).told() == line


def test_a_proof_tells_states_halves_and_counts_by_run():
    proof = ProofReport()
    proof.add(run("incident"))
    counted = {"checked": 9, "violations": 2, "stale": 2}
    assert proof.told() == {"incident": "violated", "counts": {"incident": counted}}
    proof.add(run("half", half="one attempt", red="not useful"))
    told = proof.told()
    assert told["halves"] == {"one attempt": "not useful"}
    assert told["counts"]["one attempt"] == counted


def test_a_ledger_line_without_an_alert_tells_of_none():
    line = LedgerLine("orders", "kept", "acks=all", "engineer")
    assert "alert" not in line.told() and "runbook" not in line.told()
    assert "runbook" in LedgerLine("o", "k", "a", "e", "errors > 3", "look").told()


def test_a_report_is_saved_under_the_labs_name(tmp_path):
    report = Report("processes", facts={"stale": 3})
    report.save(tmp_path / "report.json", "lag")
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["lag"] == report.told()
    assert saved["lag"]["facts"] == {"stale": 3}
