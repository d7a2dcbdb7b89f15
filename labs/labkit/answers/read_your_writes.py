"""Answers to labs/read_your_writes.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, check, exercise, function, graded


@function("change")
def in_time(answer: Any, proof: Any, way: Any, fault: Any) -> Grade:
    """A save is right when commits that are held back cannot deceive its token."""
    run = proof.attempt(replace(way, save=answer), fault=fault)
    if not run.verdict.holds:
        return graded(False, f"a look came too early.\n{run.verdict}")
    if not run.useful.holds:
        return graded(False, f"no replica is ever believed.\n{run.useful}")
    return graded(True, f"no look came too early.\n{run.verdict}")


EXERCISES = {
    "the token in time": exercise(
        in_time,
        "Which record of the log must a replica have replayed before a reader sees the "
        "row?",
        "Does your token lie before that record or behind it?",
        "Ask `db.primary.lsn()` after the block whose end commits.",
    ),
    "the check": exercise(
        check(),
        "Which writes does a client know of when it calls a read?",
        "Of those, which version is the read owed?",
        "Violated when read.version < max(version of the client's own acknowledged "
        "writes of that key with t_ret <= read.t_call).",
    ),
}
