"""Answers to labs/oom_killed.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History
from ..shop.pods.boxes import NO_ROOM


def lost(history: History, kind: str) -> None:
    op = history.ops(kind)[-1]
    op.outcome, op.value = "fail", None


def no_page(history: History) -> None:
    lost(history, "read")


def no_checkout(history: History) -> None:
    lost(history, "checkout")


def no_report(history: History) -> None:
    lost(history, "report")


def one_pod(history: History, said: str) -> None:
    history.ops("figure")[-1].value = said


def killed_unused(history: History) -> None:
    one_pod(history, "OOMKilled, exit status 137")


def killed_by_a_probe(history: History) -> None:
    one_pod(history, "Error, exit status 137")


def no_room(history: History) -> None:
    one_pod(history, NO_ROOM)


DAYS = (
    Day("a day with one page that nobody got", False, no_page),
    Day("a day with one checkout cut off, and no pod killed", False, no_checkout),
    Day("a day with one pod killed that had nothing in hand", False, killed_unused),
    # not what the promise is about
    Day("a day with one report that nobody got", True, no_report),
    Day("a day with one pod that a probe had killed", True, killed_by_a_probe),
    Day("a day with no room for one pod", True, no_room),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
        "Two things can be wrong, and each without the other: who gets no answer, and "
        "what became of pods.",
        "A pod for which there was no room was not killed, and one that ended need not "
        "have ended for its memory.",
        "False when a read or checkout is not ok, or a value begins with 'OOMKilled'.",
    ),
    "time bought": exercise(
        number(30, unit="h"),
        "How much room is there at the start?",
        "At the start 200 MB are gone.",
        "900 MB, at 30 MB an hour.",
    ),
}
