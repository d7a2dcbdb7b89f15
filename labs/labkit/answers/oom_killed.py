"""Answers to labs/oom_killed.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(more=False),
        "Two things can be wrong: who gets no answer, and what became of pods.",
        "A pod for which there was no room was not killed.",
        "False when a read or checkout is not ok, or a value begins with 'OOMKilled'.",
    ),
    "time bought": exercise(
        number(30, unit="h"),
        "How much room is there at the start?",
        "At the start 200 MB are gone.",
        "900 MB, at 30 MB an hour.",
    ),
}
