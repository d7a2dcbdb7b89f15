"""Answers to labs/probes.ipynb: spoilers ahead."""

from functools import partial

from ..exercises import Day, check, exercise, number
from ..history import History


def became(said: str, history: History) -> None:
    """What is said of one pod in the end."""
    history.ops("figure", key="in the end")[0].value = said


def one_page(history: History) -> None:
    """One page fails, and no pod is restarted."""
    history.ops("read")[-1].outcome = "fail"


DAYS = (
    Day("a day on which one page fails", False, one_page),
    Day("a day on which one pod is restarted", False, partial(became, "restarted")),
    Day(
        "a day on which a pod hangs and is restarted",
        True,
        partial(became, "restarted, since it hung"),
    ),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
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
