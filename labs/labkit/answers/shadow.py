"""Answers to labs/shadow.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History


def one_price_wrong(history: History) -> None:
    look = history.ops("read")[-1]
    look.value = [look.value[0], *look.value[1:-1], look.value[-1] - 1]


def an_order_lost(history: History) -> None:
    [placed] = history.ops("read back", key="orders")
    placed.value = placed.value[:-1]


def one_unanswered(history: History) -> None:
    look = history.ops("read")[0]
    look.outcome = "fail"


# what the recorded runs do not show, or not alone
DAYS = (
    Day("a day on which one price is a cent too low", False, one_price_wrong),
    Day("a day on which an order is lost", False, an_order_lost),
    Day("a day on which one visit gets no answer", False, one_unanswered),
)
EXERCISES = {
    "a small canary": exercise(
        number(100 * (1 - 0.985**2), within=0.1, unit="%"),
        "How many requests does the new version get?",
        "It is not seen when each of these is right.",
        "100 * (1 - 0.985 ** 2)",
    ),
    "the check": exercise(
        check(days=DAYS, more=False),
        "Prices change during the day: keep the last that the shop has told.",
        "An order that is lost is not placed once, either.",
        "Go through history.ops() in order and keep the prices; a checkout must be "
        "exactly once in the read back of orders; every outcome is ok.",
    ),
}
