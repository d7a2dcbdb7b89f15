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
SMALLER = 60, 16  # orders/s and months of one that never pays for machines


@function("known")
def another_rule(answer: Any, proof: Any, ends: Callable[..., Any]) -> Grade:
    """A guardrail, and one that keeps the promise whenever the campaign ends, and in a
    small one: so many months, whatever is needed, are no rule."""
    if answer is proof.guardrail:
        return unfit("that is the rule of the lab, and it looks at money.")
    grade = guardrail()(answer, proof=proof)
    peak, months = SMALLER
    days = {
        f"when the campaign ends after {after} months": partial(ends, after)
        for after in ENDS
    } | {f"in a campaign of {peak} orders a second": partial(ends, months, peak=peak)}
    for when, fault in days.items():
        if grade.correct:
            grade, _ = on_another_day(proof, answer, fault, when)
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
