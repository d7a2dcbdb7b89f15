"""Answers to labs/shadow.ipynb: spoilers ahead."""

from ..exercises import Day, check, exercise, number
from ..history import History, Op


def one_price_wrong(history: History) -> None:
    look = history.ops("read")[-1]
    look.value = [look.value[0], *look.value[1:-1], look.value[-1] - 1]


def an_order_lost(history: History) -> None:
    [placed] = history.ops("read back", key="orders")
    placed.value = placed.value[:-1]


def one_unanswered(history: History) -> None:
    look = history.ops("read")[0]
    look.outcome = "fail"


def one_order_unanswered(history: History) -> None:
    order = history.ops("checkout")[-1]
    order.outcome = "unknown"


def a_price_changes(history: History) -> None:
    """Before the last forty visits, which open every page once more."""
    looks = history.ops("read")
    morning, later = looks[-41], looks[-40:]
    page = later[-1].key
    before = dict(history.ops("read back", key="prices")[-1].value)
    told = {**before, page: [cents + 100 for cents in before[page]]}
    for look in later:
        look.value = told[look.key]
    at = (morning.t_call + later[0].t_call) / 2
    value = [[page, prices] for page, prices in told.items()]
    history.add(
        Op(0, "auditor", "read back", "prices", value, None, None, at, at, "ok")
    )


# what the recorded runs do not show, or not alone
DAYS = (
    Day("a day on which one price is a cent too low", False, one_price_wrong),
    Day("a day on which an order is lost", False, an_order_lost),
    Day("a day on which one visit gets no answer", False, one_unanswered),
    Day("a day on which one order gets no answer", False, one_order_unanswered),
    Day("a day on which a seller raises prices at noon", True, a_price_changes),
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
