"""Answers to labs/the_bill.ipynb: spoilers ahead."""

from ..exercises import exercise, guardrail, number

EXERCISES = {
    "a reservation": exercise(
        number(8, within=0.01, unit="months"),
        "What does the reservation cost, whatever happens?",
        "How many months of the full rent is that?",
        "12 × 2/3.",
    ),
    "another rule": exercise(
        guardrail(),
        "For how many months must the machines be needed until they have paid?",
        "`PRICES.pays_after(machines)` gives the months, None where they never do.",
        "Buy when the peak has been as high for at least so many months, and name the "
        "range that `pays_within(machines)` gives.",
    ),
}
