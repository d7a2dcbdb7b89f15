"""Answers to labs/everywhere_at_once.ipynb: spoilers ahead."""

from collections.abc import Iterable

from ..exercises import Day, check, exercise, number
from ..history import History, Op, Outcome


def a_cart_is_empty(history: History) -> None:
    history.ops("read", key="cart")[-1].value = False


def a_cart_is_not_told(history: History) -> None:
    look = history.ops("read", key="cart")[0]
    look.outcome, look.value = "fail", None


def one_page_is_newer(history: History) -> None:
    history.ops("read", key="page")[0].value = "v2"


def one_evening_page_fails(history: History) -> None:
    page = history.ops("read", key="page")[-1]
    page.outcome, page.value = "fail", None


def the_sale_is_not_found(history: History) -> None:
    for page in history.ops("read", key="sale"):
        page.outcome, page.value = "fail", None


def watched_in_vain(history: History, regions: Iterable[str] = ("eu",)) -> None:
    """In a soak of these regions, the second visitor gets no page."""
    at = history.ops("read", key="page")[0].t_call / 2

    def watched(who: str, region: str, value: str | None, outcome: Outcome) -> None:
        client = f"{who} visitor of {region}"
        history.add(Op(0, client, "read", "soak", value, None, region, at, at, outcome))

    for region in regions:
        watched("first", region, "v2", "ok")
        watched("second", region, None, "fail")


def watched_in_two(history: History) -> None:
    watched_in_vain(history, ("eu", "asia"))


# what the recorded runs do not show, or not alone
DAYS = (
    Day("a day on which one cart is not there", False, a_cart_is_empty),
    Day("a day on which nobody tells of one cart", False, a_cart_is_not_told),
    Day("a day on which one customer sees another version", False, one_page_is_newer),
    Day("a day on which one evening page fails", False, one_evening_page_fails),
    Day("a day on which the sale is not found", True, the_sale_is_not_found),
    Day("a day on which a soak finds something", True, watched_in_vain),
    Day("a day on which two soaks find something", False, watched_in_two),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
        "Where a visitor without a page lives stands in `node`.",
        "A soak that finds something in one region is what it is there for.",
        "At most one node among failed pages and soaks; every cart's value is True; "
        "every page's value is extra['told'].",
    ),
    "one, two, six": exercise(
        number(3, unit="regions"),
        "When does the first wave have it, and when the second?",
        "The first soak ends before the fault shows.",
        "1 and 2.",
    ),
}
