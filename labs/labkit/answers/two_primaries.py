"""Answers to labs/two_primaries.ipynb: spoilers ahead."""

from collections.abc import Callable
from typing import Any

from ..exercises import Grade, agrees, exercise, function, graded


@function("old")
def fences(answer: Any, proof: Any, way: Callable[..., Any]) -> Grade:
    """A fence is right when the day keeps its promise by it alone, and goes on."""
    for fault_on in (True, False):
        run = proof.attempt(way(fence=answer), fault_on=fault_on)
        when = "two do not hear" if fault_on else "all hear"
        if not run.verdict.holds:
            return graded(False, f"when {when}, two confirm.\n{run.verdict}")
        if not run.useful.holds:
            return graded(False, f"when {when}, orders stay out.\n{run.useful}")
    return graded(True, f"one primary confirms.\n{run.verdict}")


EXERCISES = {
    "another fence": exercise(
        fences,
        "Which sessions does `default_transaction_read_only` bind, and from when on?",
        "The order under way began before. What ends a session?",
        "Set it first, then pg_terminate_backend(pid, 5000) for the servers' sessions "
        "in pg_stat_activity.",
    ),
    "how many must be asked": exercise(
        agrees(
            ("n", "k"),
            {
                "two replicas, ANY 1": ((2, 1), 2),
                "two replicas, ANY 2": ((2, 2), 1),
                "three replicas, ANY 2": ((3, 2), 2),
                "three replicas, ANY 1": ((3, 1), 3),
                "five replicas, ANY 3": ((5, 3), 3),
            },
        ),
        "On how many replicas may a confirmed order be missing?",
        "Ask one more than those.",
    ),
}
