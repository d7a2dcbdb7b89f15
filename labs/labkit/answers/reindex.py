"""Answers to labs/reindex.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number, unfit
from ..shop.renewal import part_refused

LEAST = 5  # yields
NO_YIELD = "it has no yield, so the shop cannot go on."


@function("shop")
def renewed(answer: Any, proof: Any, shop: Any) -> Grade:
    """The answer is a way to make the index anew, with the shop going on in between;
    also when a part of its copy is refused."""
    counted: list[int] = []
    raised: list[Exception] = []

    def theirs(shop: Any) -> Any:
        steps = answer(shop)
        if not hasattr(steps, "__next__"):
            return
        counted.append(0)
        while True:
            try:
                next(steps)
            except StopIteration:
                return
            except Exception as error:
                raised.append(error)
                return
            counted[-1] += 1
            yield

    grade = guardrail()(theirs, proof=proof)
    if raised:
        raise raised[0]
    if not counted:
        return unfit(NO_YIELD)
    if counted[0] < LEAST:
        return graded(False, f"it yields {counted[0]} times, and {LEAST} are wanted.")
    if not grade.correct:
        return grade
    verdict = proof.attempt(theirs, fault=lambda: part_refused(shop)).verdict
    if raised:
        raise raised[0]
    if not verdict.holds:
        what = "when the new index refuses a part of the copy, shoppers notice"
        return graded(False, f"{what}: {verdict.examples[0]}")
    return grade


EXERCISES = {
    "in your own order": exercise(
        renewed,
        "What if the new index is fed before anything is copied?",
        "A copied row that is older than what the feed has brought is refused.",
        "Feed it from the log's end, copy in slices, compare, then change the alias.",
    ),
    "the other order": exercise(
        number(40 * 15 * 60, unit="products"),
        "Which changes does the new index never get?",
        "Those of the 15 minutes: 40 a second.",
    ),
}
