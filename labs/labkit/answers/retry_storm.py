"""Answers to labs/retry_storm.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number


@function("waiting", "now")
def another_queue(answer: Any, proof: Any, way: Any, slow: Any) -> Grade:
    """A queue is right when it is a guardrail, under slow pages as well."""
    if answer is way.queue:
        return graded(False, "that is the lab's own, and it guesses.")

    def checked(waiting: list[Any], now: int) -> list[Any]:
        kept = answer(list(waiting), now)
        if not isinstance(kept, (list, tuple)):
            raise TypeError("a list of the tries that it keeps is wanted")
        left = set(map(id, waiting))
        for one in kept:  # a try kept twice would be there four times a tick later
            if id(one) not in left:
                raise ValueError("it keeps what does not wait, or one try twice")
            left.remove(id(one))
        return list(kept)

    mine = replace(way, queue=checked)
    grade = guardrail()(mine, proof=proof)
    if not grade.correct:
        return grade
    run = proof.attempt(mine, fault=slow)
    for verdict in (run.verdict, run.useful):
        if not verdict.holds:
            return graded(False, f"when pages are slow:\n{verdict}")
    return grade


EXERCISES = {
    "another queue": exercise(
        another_queue,
        "Of those that wait, who has the most time left?",
        "What becomes of the oldest, if they are never served? And how many can be "
        "served before their callers leave?",
        "Sort by `-one.sent`, then checkouts before the rest, and keep the first six.",
    ),
    "a safe load": exercise(
        number(lambda capacity, tries: capacity / tries, 0.5, "requests a second"),
        "How many tries come in a second when every one of them fails?",
        "The queue shrinks when fewer tries come than pages are made.",
        "80 pages a second, divided by three tries for each request.",
    ),
}
