"""Answers to labs/moving_a_tenant.ipynb: spoilers ahead."""

from collections.abc import Callable
from typing import Any

from ..exercises import Grade, exercise, function, graded, number, unfit
from ..exercises.judge import seen
from ..shop.moving import OWN, REFUSED, cost, name
from ..shop.records import figures

NO_YIELD = "it has no yield, so the shop cannot go on."


@function("move")
def there_and_back(answer: Any, proof: Any, way: Callable[[Any], Any]) -> Grade:
    """The steps take the whale out and home again, and nothing is lost."""
    raised: list[Exception] = []

    def steps(move: Any) -> Any:
        made = answer(move)
        if not hasattr(made, "__next__"):
            raised.append(TypeError(NO_YIELD))
            return
        try:
            yield from made
        except Exception as error:
            raised.append(error)

    run = proof.attempt(way(steps))
    if raised and str(raised[0]) == NO_YIELD:
        return unfit(NO_YIELD)
    if raised:
        raise raised[0]
    if not run.verdict.holds:
        return graded(False, f"something is lost: {seen(run.verdict)}")
    if figures(run.history, "stores moved")[-1]:
        return graded(False, "in the end the whale is not at home.")
    taken = run.history.ops("write", outcome="ok")
    if not any(op.node == name(OWN) for op in taken):
        return graded(False, "its own server never took a write.")
    if (refused := cost(run)["refused"]) > REFUSED:
        return graded(False, f"{refused} requests were refused.")
    return graded(True, "it was out, it is home, and nothing is lost.")


EXERCISES = {
    "there and back": exercise(
        there_and_back,
        "What runs in the other direction since the switch?",
        "Which of the steps that you have seen would do for the way back?",
        "fenced(move), a yield, and then cut_over(move.back()).",
    ),
    "logical shards": exercise(
        number(80, unit="shards"),
        "How many does each server have before, and how many after?",
        "How many have to come to the sixth?",
        "480 / 6.",
    ),
}
