"""Answers to tools/template.ipynb: copy this file beside a copy of that lab."""

from ..exercises import exercise, guardrail, number

EXERCISES = {
    "count": exercise(
        number(lambda backwards: backwards, unit="page loads"),
        "Two servers take turns. What has each of them seen?",
        "Every second load is answered by the replica.",
    ),
    "another way": exercise(
        guardrail(),
        "Which server is never behind?",
        "Read from the primary alone.",
    ),
}
