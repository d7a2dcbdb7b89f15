"""Answers to labs/rollout.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(more=False),
        "Reads are not all that customers do.",
        "An operation that was cut off has an outcome of its own.",
        "False when a read or a checkout is not ok, or a figure 'half done' is 1.",
    ),
    "a quarter of ten": exercise(
        number(8, unit="pods"),
        "How many pods may be unavailable?",
        "A quarter of ten is two and a half.",
        "10 less 2.",
    ),
}
