"""Answers to labs/n_plus_one.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import check, exercise, guardrail


def takes_more_than_one(run: Any) -> str:
    most = max(page.extra["statements"] for page in run.history.ops("read"))
    return "" if most == 1 else f"a page takes {most} statements."


EXERCISES = {
    "the page in one trip": exercise(
        guardrail(also=takes_more_than_one),
        "What does a join with products do with a store that has none?",
        "What does a second join do with the rows of the first?",
        "A subquery in the select list for each: count(*), and array(select ...).",
    ),
    "the test": exercise(
        check(),
        "Which pages of a run have to keep the bounds?",
        "The promise has two bounds: which half measure keeps the first alone?",
        "all(...) over the pages of statements <= 2 and rows <= 100.",
    ),
}
