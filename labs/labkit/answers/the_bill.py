"""Answers to labs/the_bill.ipynb: spoilers ahead."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..exercises import (
    Grade,
    exercise,
    function,
    guardrail,
    number,
    on_another_day,
    unfit,
)

ENDS = 1, 5, 7, 9, 12, 18  # months of campaign


@function("known")
def another_rule(answer: Any, proof: Any, ends: Callable[..., Any]) -> Grade:
    """A guardrail, and one that keeps the promise whenever the campaign ends."""
    if answer is proof.guardrail:
        return unfit("that is the rule of the lab, and it looks at money.")
    grade = guardrail()(answer, proof=proof)
    for after in ENDS:
        if grade.correct:
            when = f"when the campaign ends after {after} months"
            grade, _ = on_another_day(proof, answer, partial(ends, after), when)
    return grade


EXERCISES = {
    "a reservation": exercise(
        number(8, within=0.01, unit="months"),
        "What does the reservation cost, whatever happens?",
        "How many months of the full rent is that?",
        "12 × 2/3.",
    ),
    "another rule": exercise(
        another_rule,
        "For how many months must the machines be needed until they have paid?",
        "`PRICES.pays_after(machines)` gives the months, None where they never do.",
        "Buy when the peak has been as high for at least so many months, and name the "
        "range that `pays_within(machines)` gives.",
    ),
}
