"""Answers to labs/throttled.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History
from ..shop.pods.boxes import NO_ROOM


def no_page(history: History) -> None:
    page = history.ops("read")[-1]
    page.outcome, page.value = "fail", None


def stopped_once(history: History) -> None:
    history.ops("read")[-1].value["stopped"] = 1


def out_of_date(history: History) -> None:
    history.ops("read")[-1].value["version"] = "0"


def no_room(history: History) -> None:
    history.ops("figure", key="in the end")[-1].value = NO_ROOM


DAYS = (
    Day("an evening with one page that nobody got", False, no_page),
    Day("an evening with one page that was stopped once", False, stopped_once),
    # not what the promise is about
    Day("an evening with one page out of date", True, out_of_date),
    Day("an evening with no room for one pod", True, no_room),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
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
