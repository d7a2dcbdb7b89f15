"""Answers to labs/bad_partition.ipynb: spoilers ahead."""

from collections.abc import Callable
from typing import Any

from .. import checks
from ..exercises import Grade, exercise, function, graded


@function("run", "record")
def in_order(
    answer: Any, proof: Any, way: Any, redrive: Callable[[Any], None]
) -> Grade:
    """A way is right when, with the redrive, every store keeps its order, and when no
    other store and no quiet day pays for it."""
    run = proof.attempt(way(answer))
    if not run.verdict.holds:
        return graded(False, f"the promise is broken by the evening.\n{run.verdict}")
    waited = {op.key for op in run.history.ops("set aside")}
    if len(waited) > 1:
        return graded(False, f"{len(waited)} stores had orders set aside: one had to.")
    redrive(run)
    ends = [op.value for op in run.history.ops("process", outcome="ok")]
    morning = checks.combine(
        checks.lost_acknowledged_writes(run.history, survived=ends),
        checks.duplicates(run.history),
        checks.key_order(run.history),
    )
    if not morning.holds:
        return graded(
            False, f"by the evening all is well; after the redrive, {morning}"
        )
    quiet = proof.attempt(way(answer), fault_on=False)
    if not (quiet.verdict.holds and quiet.useful.holds):
        return graded(False, f"when nothing is wrong, {quiet.verdict}\n{quiet.useful}")
    return graded(True, f"after the redrive, {morning}")


EXERCISES = {
    "keep the order": exercise(
        in_order,
        "Where must the later orders of a store go while an earlier one is in the "
        "dead-letter topic?",
        "`orders.set_aside` takes any record and any reason. A way may remember.",
        "Remember (record.topic, record.key), so that tomorrow's topic begins afresh.",
    ),
}
