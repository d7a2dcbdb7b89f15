"""Answers to labs/drift.ipynb: spoilers ahead."""

from ..exercises import check, exercise, number

EXERCISES = {
    "the check": exercise(
        check(more=False),
        "Pages can all be right, and the promise broken.",
        "A customer who got no page was not shown what Git says.",
        "False when a read's value is not its extra['wanted'], or a figure on 'untold' "
        "is 1.",
    ),
    "ten minutes of a fight": exercise(
        number(7, unit="times"),
        "Write down the second at which each undoing happens.",
        "0, 2, 8, 26, ...; which wait is the first that would be longer than 300?",
        "0, 2, 8, 26, 80, 242, and then 542; the next would be at 842.",
    ),
}
