"""Answers to labs/n_plus_one.ipynb: spoilers ahead."""

from functools import partial
from typing import Any

from ..exercises import Day, check, exercise, function, guardrail
from ..history import History


def takes_more_than_one(run: Any) -> str:
    most = max(page.extra["statements"] for page in run.history.ops("read"))
    return "" if most == 1 else f"a page takes {most} statements."


def one_page(history: History, **took: int) -> None:
    """One page among the others took so much of something."""
    history.ops("read")[7].extra.update(took)


# in the recorded runs all pages cost the same, far from the bound on rows
DAYS = (
    Day(
        "a day on which one page takes 3 statements",
        False,
        partial(one_page, statements=3),
    ),
    Day("a day on which one page gives 101 rows", False, partial(one_page, rows=101)),
    Day("a day on which one page gives 100 rows", True, partial(one_page, rows=100)),
)
EXERCISES = {
    "the page in one trip": exercise(
        function("ask", "owner")(guardrail(also=takes_more_than_one)),
        "What does a join with products do with a store that has none?",
        "What does a second join do with the rows of the first?",
        "A subquery in the select list for each: count(*), and array(select ...).",
    ),
    "the test": exercise(
        check(days=DAYS),
        "Which pages of a run have to keep the bounds?",
        "The promise has two bounds: which half measure keeps the first alone?",
        "all(...) over the pages of statements <= 2 and rows <= 100.",
    ),
}
