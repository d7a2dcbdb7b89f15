"""Record the incident of the front page: one lab, on real servers, both switches.

    python tools/hero.py

Runs the code cells of the lab up to the last of the four combinations, with so few
saves that each can be seen, and writes what its client saw to book/_static/hero.json,
which the directive {hero} draws. Nothing is drawn that was not recorded.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date

import book_model
from book_model import ROOT

LABS = ROOT / "labs"
sys.path.append(str(LABS))

LAB, LAST_CELL = "read_your_writes", "idle"
KNOBS = {"SAVES": 6}  # of the lab's 25
RECORD = ROOT / "book" / "_static" / "hero.json"
RUNS = ("control", "incident", "guarded", "idle")


def played() -> dict:
    """The names that the lab's cells bound, after the cell that ends the four runs.

    Raises what the lab raises: ProofFailed, RuntimeUnavailable.
    """
    from labkit import show

    show.install = lambda: None  # nothing is shown here
    (lab,) = book_model.read().find([LAB])
    names: dict = {}
    for cell in lab.cells():
        exec(compile(cell["source"], f"{LAB}: {cell['id']}", "exec"), names)
        if cell["id"] == "setup":
            names |= KNOBS
        if cell["id"] == LAST_CELL:
            return names
    raise LookupError(f"the lab {LAB} has no cell {LAST_CELL!r} any more")


def told(run) -> dict:
    """One run as the page needs it: its switches, its verdict, and each operation with
    its call and return in milliseconds."""
    broke = set(run.verdict.where)
    return {
        "fault": run.fault_on,
        "guardrail": run.guardrail_on,
        "verdict": run.verdict.state,
        "checked": run.verdict.checked,
        "violations": run.verdict.violations,
        "ops": [
            {
                "op": op.op,
                "key": op.key,
                "price": op.value,
                "version": op.version,
                "node": op.node,
                "called": round(1000 * op.t_call, 3),
                "returned": round(1000 * op.t_ret, 3),
                "broke": op.op_id in broke,
            }
            for op in run.history.ops()
        ],
    }


def main() -> None:
    """Write the record."""
    names = played()
    lab, db, runs = names["lab"], names["db"], names["proof"].runs
    record = {
        "lab": LAB,
        "date": f"{date.today()}",
        "server": f"{db.product} {db.version()}",
        "runs": {name: told(runs[name]) for name in RUNS},
    }
    lab.close()
    lines = json.dumps(record, indent=1)
    RECORD.write_text(re.sub(r"(?<=[{,])\n {5,}|\n {4}(?=})", " ", lines) + "\n")
    print(f"{RECORD.relative_to(ROOT)}: {', '.join(RUNS)}")


if __name__ == "__main__":
    main()
