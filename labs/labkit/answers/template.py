"""Answers to tools/template.ipynb: copy this file beside a copy of that lab."""

from ..exercises import check, exercise, number

EXERCISES = {
    "count": exercise(
        number(lambda backwards: backwards, unit="page loads"),
        "Two servers take turns. What has each of them seen?",
        "Every second load is answered by the replica.",
    ),
    "the check": exercise(
        check(),
        "Which two versions have to be compared?",
        "Those of each read and of the one before it, of the same client.",
    ),
}
