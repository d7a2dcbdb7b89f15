"""Answers to labs/confirmed_by_one.ipynb: spoilers ahead."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..exercises import Day, Grade, check, exercise, function, graded
from ..history import History
from ..shop.records import of_a_server


@function("session", "order")
def heeds_the_warning(
    answer: Any, proof: Any, way: Any, both_cut: Callable[[], Any]
) -> Grade:
    """A checkout is right when waits that are cancelled confirm nothing, and when it
    confirms what a replica has. Whatever it raises says that it does not know."""
    raised: list[Exception] = []

    def checkout(session: Any, order: Any) -> None:
        try:
            answer(session, order)
        except Exception as error:
            raised.append(error)
            if of_a_server(error):
                raise
            raise TimeoutError(str(error)) from error

    cancelled = replace(way, checkout=checkout, cancels=True)
    run = proof.attempt(cancelled, fault=both_cut)
    if not run.verdict.holds:
        told = "a cancelled wait was taken for a yes: whoever returns has confirmed."
        return graded(False, f"{told}\n{run.verdict}")
    raised.clear()
    run = proof.attempt(cancelled, fault_on=False)
    if not run.useful.holds:
        what = f"; it raised {raised[0]!r}" if raised else ""
        told = f"on a good day it confirms too little{what}."
        return graded(False, f"{told}\n{run.useful}")
    return graded(True, f"what it confirms is kept.\n{run.verdict}")


def one_is_gone(history: History) -> None:
    history.ops("read back")[0].value.remove(7)


def in_place_of_another(history: History) -> None:
    one_is_gone(history)
    history.ops("read back")[0].value.append(1007)


def in_doubt_and_not_there(history: History) -> None:
    one_is_gone(history)
    [order] = [op for op in history.ops("write") if op.value == 7]
    order.outcome = "unknown"


DAYS = (
    Day("a day on which one confirmed order of fifty is gone", False, one_is_gone),
    Day(
        "a day on which one is gone, and one is there that nobody placed",
        False,
        in_place_of_another,
    ),
    Day(
        "a day on which the one that is not there was in doubt",
        True,
        in_doubt_and_not_there,
    ),
)
EXERCISES = {
    "a warning is an answer": exercise(
        heeds_the_warning,
        "What does the server send besides `INSERT 0 1` when a wait was cancelled?",
        "Add the handler before you insert; a list can collect what it is called with.",
        "Raise after `tables.insert` when the list is not empty: the history then has "
        "the order as unknown.",
    ),
    "the check": exercise(
        check(days=DAYS, more=False),  # each would take new servers
        "Which outcomes is a customer owed?",
        "Where in the history does it stand what is left at the end?",
        "Violated when the value of a write with outcome ok is not in the value of the "
        "operation 'read back'.",
    ),
}
