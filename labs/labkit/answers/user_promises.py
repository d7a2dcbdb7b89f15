"""Answers to labs/user_promises.ipynb: spoilers ahead."""

from ..exercises import exercise, guardrail

EXERCISES = {
    "one window": exercise(
        guardrail(),
        "What makes the rule ring on, when the trouble is over?",
        "How long may the window be, if it has to be quiet after half an hour? And "
        "which burn rate over that window has spent more than half a day's budget and "
        "less than a day's?",
        "Six ticks, and a burn rate between 24 and 48; and do not forget the silence.",
    ),
}
