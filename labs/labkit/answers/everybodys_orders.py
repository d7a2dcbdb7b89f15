"""Answers to labs/everybodys_orders.ipynb: spoilers ahead."""

from collections.abc import Callable, Mapping
from typing import Any

from ..exercises import Grade, exercise, graded, score, unfit
from ..exercises.grade import described
from ..exercises.judge import what_is_wrong


def release(answer: Any, proof: Any, way: Any, fault: Any) -> Grade:
    """A release is right when it ends with a valid index, after a failed one too."""
    if isinstance(answer, str):
        answer = [answer]
    if not isinstance(answer, list | tuple) or not answer:
        return unfit("a list of statements is wanted.")
    if strange := [each for each in answer if not isinstance(each, str)]:
        return unfit(f"each statement is a text, and {described(strange[0])} is none.")
    mine = way(changes=tuple(answer))
    for when, fault_on, other in (
        ("in the grown shop", True, None),
        ("in the small shop", False, None),
        ("after a night that failed", True, fault),
    ):
        run = proof.attempt(mine, fault_on=fault_on, fault=other)
        if wrong := stopped(run) or what_is_wrong(proof, run):
            return graded(False, f"{when}, {wrong}")
    return graded(True, "the index is there and valid, whatever was there before.")


def stopped(run: Any) -> str:
    """At which error the release stopped, or ""."""
    [made] = run.history.ops("migrate")
    return "" if made.outcome == "ok" else f"the release stopped: {made.error}."


def serving(
    answer: Any,
    indexes: Mapping[str, str],
    blocks_with: Callable[[str], int],
    most: float,
) -> Grade:
    """The letters of the indexes with which the page keeps its bound, by trying."""
    if not isinstance(answer, str):
        return unfit('the letters are wanted as one text, like "ab".')
    chosen = set(answer.lower()) - set(" ,")
    if strange := chosen - set(indexes):
        return unfit(f"no index is called {', '.join(sorted(strange))}.")
    return score(
        (letter in chosen) == (blocks_with(index) <= most)
        for letter, index in indexes.items()
    )


EXERCISES = {
    "the release": exercise(
        release,
        "What is in pg_index after the night that failed, and what does `if not "
        "exists` look at?",
        "Which statement is harmless where there is no index, and cures where one is "
        "invalid?",
        "drop index concurrently if exists orders_by_store, then create it.",
    ),
    "which serve the page": exercise(
        serving,
        "By what is each of them sorted, and where would the rows of one store lie?",
        "Since version 18 a b-tree can be searched once for each value of its first "
        "column (a skip scan): how many values are there?",
        "A partial index serves when the statement itself implies its condition.",
    ),
}
