"""Answers to labs/probes.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(more=False),
        "Two things can be wrong, and pages alone do not show the second.",
        "A pod that hung and was restarted is as it should be.",
        "False when a read is not ok, or when a figure's value is 'restarted'.",
    ),
    "enough patience": exercise(
        number(96, unit="failures"),
        "How many seconds are wanted, and how many does one failure give?",
        "Twice four minutes are 480 seconds.",
        "480 / 5.",
    ),
}
