"""Answers to labs/waiting_alter.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise
from ..history import History


def fails_at_once(history: History) -> None:
    history.ops("read")[0].outcome = "fail"


# pages that fail in the recorded runs take long as well
DAYS = (Day("a day on which a page fails at once", False, fails_at_once),)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS),
        "A page that was answered late has broken the promise as well.",
        "What lies between the end of one try and the call of the next?",
        "All pages ok; the longest at most 0.6 s; next.t_call - try.t_ret at least "
        "0.1 s for all neighbours.",
    ),
}
