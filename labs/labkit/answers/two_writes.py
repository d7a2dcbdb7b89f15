"""Answers to labs/two_writes.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, check, exercise, function, graded, guardrail
from ..exercises.judge import seen


@function()
def beside(answer: Any, proof: Any, way: Any, relay_dies: Any) -> Grade:
    """A relay is right when the checkout keeps the promise with it, killed or not, and
    when it may be killed itself."""
    mine = replace(way, relay=answer)
    grade = guardrail()(mine, proof=proof)
    if grade.correct:
        run = proof.attempt(mine, fault=relay_dies)
        if run.verdict.violated:
            text = f"when the relay is killed before it sends, {seen(run.verdict)}"
            return graded(False, text)
    return grade


EXERCISES = {
    "the checkout is not yours": exercise(
        beside,
        "Which rows are there for certain when an order was committed?",
        "What must be kept so that an order is not sent again at each look, and when "
        "may it be kept: before the event is acknowledged, or after?",
        "Send each row of orders whose id is not in outbox; after the acknowledgement, "
        "insert its id into outbox.",
    ),
    "the check": exercise(
        check(),
        "Which orders are stored, and which were told of?",
        "May an order be in one of the two sets and not in the other?",
        "Holds when the set of values of the last `read back` equals the set of values "
        "of all `receive`.",
    ),
}
