"""Answers to labs/waiting_alter.ipynb: spoilers ahead."""

from ..exercises import check, exercise

EXERCISES = {
    "the check": exercise(
        check(),
        "A page that was answered late has broken the promise as well.",
        "What lies between the end of one try and the call of the next?",
        "All pages ok; the longest at most 0.6 s; next.t_call - try.t_ret at least "
        "0.1 s for all neighbours.",
    ),
}
