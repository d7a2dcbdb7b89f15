"""Answers to labs/two_writers.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Day, agrees, check, exercise
from ..history import History, Op

STRANGER = 999  # a customer's number that nobody else has


def confirmed_sale(history: History) -> Op:
    """A sale that somebody was told is done."""
    sales = [op for op in history.ops("write", outcome="ok") if op.version is None]
    return sales[0]


def another(history: History, of: Op, **differs: Any) -> None:
    """One more operation like that one, a second after all others."""
    end = max(one.t_ret or one.t_call for one in history)
    more = {"op_id": 0, "t_call": end + 1, "t_ret": end + 2, **differs}
    history.add(replace(of, **more))


def one_is_sold_twice(history: History) -> None:
    sale = confirmed_sale(history)
    another(history, sale, client=f"customer {STRANGER}", value=STRANGER)


def one_is_told_again(history: History) -> None:
    another(history, confirmed_sale(history), inner=True)


def one_gets_no_answer(history: History) -> None:
    sale = confirmed_sale(history)
    who = f"customer {STRANGER}"
    another(history, sale, client=who, value=STRANGER, outcome="unknown")


def one_look_is_old(history: History) -> None:
    look = history.ops("read")[-1]
    look.version = 1


def she_saves_again(history: History) -> None:
    save = [op for op in history.ops("write", outcome="ok") if op.version == 2][-1]
    another(history, save, version=3)


DAYS = (
    Day("a day on which one piece of all is sold twice", False, one_is_sold_twice),
    Day("a day on which a customer is told twice of one sale", True, one_is_told_again),
    Day("a day on which a second customer gets no answer", True, one_gets_no_answer),
    Day("a day on which one look of all shows the first price", False, one_look_is_old),
    Day("a day that ends with another price saved", True, she_saves_again),
)
EXERCISES = {
    "the check": exercise(
        check(days=DAYS, more=False),
        "Which operations tell a customer that a piece is hers?",
        "Count different customers, not answers; and compare a look with what had been "
        "saved before it was called.",
        "Violated when a piece has two values among its confirmed sales, or a look has "
        "a version below the highest that was saved before it.",
    ),
    "how many sell": exercise(
        agrees(
            ("in_a", "in_b"),
            {
                "it lives in A": (("region_a", "region_a"), 1),
                "it lives in B": (("region_b", "region_b"), 1),
                "A has given it up": (("region_b", "region_a"), 0),
                "B has taken it": (("region_a", "region_b"), 2),
            },
        ),
        "Each region asks its own table, and no other.",
        "Add one for each region that finds its own name there.",
    ),
}
