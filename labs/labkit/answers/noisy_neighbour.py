"""Answers to labs/noisy_neighbour.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Day, Grade, check, exercise, number
from ..history import History, Op
from ..shop.neighbours import IMPORT, PAGE, WHALE, small


def first_of_whale(history: History, imports: bool) -> Op:
    return next(
        op
        for op in history
        if op.extra.get("store") == WHALE and (op.extra["kind"] == IMPORT) == imports
    )


def waits(op: Op, turns: Any) -> None:
    op.extra["turns"] = turns


def small_import(history: History) -> Op:
    return next(op for op in history if op.key == "import:3")


def fails(op: Op) -> None:
    op.outcome = "fail"


def days(promise: int) -> tuple[Day, ...]:
    """Days that no run shows; promise: the turns that a neighbour may wait."""
    return (
        Day(
            "a day on which one neighbour is never answered",
            False,
            lambda history: waits(small(history)[-1], None),
        ),
        Day(
            "a day on which one neighbour waits a turn too long",
            False,
            lambda history: waits(small(history)[0], promise + 1),
        ),
        Day(
            "a day on which one neighbour waits as long as she may",
            True,
            lambda history: waits(small(history)[0], promise),
        ),
        Day(
            "a day on which a neighbour's page fails at once",
            False,
            lambda history: fails(
                next(op for op in small(history) if op.extra["kind"] == PAGE)
            ),
        ),
        Day(
            "a day on which only the whale's own shopper waits",
            True,
            lambda history: waits(first_of_whale(history, imports=False), 40),
        ),
        Day(
            "a day on which only a neighbour's import waits",
            True,
            lambda history: waits(small_import(history), 40),
        ),
    )


def the_check(answer: Any, proof: Any, promise: int) -> Grade:
    return check(days=days(promise), more=False)(answer, proof=proof)


EXERCISES = {
    "the check": exercise(
        the_check,
        "Whose requests does the promise speak of?",
        "What are `turns` and `outcome` of somebody who was never answered?",
        "Of all operations whose kind is page or checkout and whose store is not the "
        "whale: outcome is ok, and turns is a number of PROMISE at most.",
    ),
    "both servers": exercise(
        number(100 / 28, within=0.1, unit="%"),
        "How many different pairs can be drawn of eight?",
        "How many of them are the whale's pair?",
        "100 / (8 * 7 / 2).",
    ),
}
