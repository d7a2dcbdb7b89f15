"""Answers to labs/throttled.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(more=False),
        "A page that nobody got was not stopped, and is not well either.",
        "Ask for the outcome first: without an answer there is no value.",
        "True when all reads are ok and each value['stopped'] is 0.",
    ),
    "the last of it": exercise(
        number(410, unit="ms"),
        "How much of the page is done in one period of 100 ms?",
        "20 ms in each; what is left after four periods?",
        "Four whole periods, and the last 10 ms of work in the fifth.",
    ),
}
