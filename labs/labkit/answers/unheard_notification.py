"""Answers to labs/unheard_notification.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number
from ..exercises.judge import what_is_wrong


@function("session", "forget")
def without_position(answer: Any, proof: Any, fault: Any) -> Grade:
    """The answer is a follower's work: under the cut, on a quiet day, and when the
    cache refuses for a while."""
    way = type("Theirs", (proof.guardrail,), {"follow": staticmethod(answer)})
    grade = guardrail()(way, proof=proof)
    if grade.correct:
        run = proof.attempt(way, fault=fault)
        if wrong := what_is_wrong(proof, run):
            return graded(False, f"when the cache refuses for a while, {wrong}")
    return grade


EXERCISES = {
    "without a position": exercise(
        without_position,
        "How can a row say by itself that it is still to be done?",
        "What becomes of that when the work fails half-way?",
        "In one transaction: delete from price_changes returning product, and forget "
        "each; an error rolls the deletion back.",
    ),
    "the nightly import": exercise(
        number(20, unit="min"),
        "How far can the position go while the import is open?",
        "From her save until the import's end: 25 - 5.",
    ),
}
