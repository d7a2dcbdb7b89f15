"""Answers to labs/one_box.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History


def lost(history: History, kind: str) -> None:
    op = history.ops(kind)[-1]
    op.outcome, op.value = "unknown", None


def no_checkout(history: History) -> None:
    lost(history, "checkout")


def no_report(history: History) -> None:
    lost(history, "report")


def killed_unused(history: History) -> None:
    history.ops("figure", key="killed")[-1].value = 1


# the recorded runs break both parts of the promise together
DAYS = (
    Day("a day with one checkout in doubt, and nothing killed", False, no_checkout),
    Day("a day with one process killed that nobody missed", False, killed_unused),
    # not what the promise is about
    Day("a day with one report that nobody got", True, no_report),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
        "Two things can be wrong: who gets no answer, and what the kernel has done.",
        "A checkout whose outcome is in doubt was not answered.",
        "False when a checkout is not ok, or a figure 'killed' is above 0.",
    ),
    "another box": exercise(
        number(6, unit="reports"),
        "What is there before the first report?",
        "A hash table may have hash_mem_multiplier times work_mem, which is 2.",
        "548 MiB are left, and a report takes 3 x 16 + 2 x 16 of them.",
    ),
}
