"""Answers to labs/one_bound.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail


@function("run", "client")
def fills(answer: Any, proof: Any, way: Any, held_up: Any) -> Grade:
    """A fill is right when neither a change nor a delay makes its page too old."""
    fill = way(answer)
    grade = guardrail()(fill, proof=proof)
    if not grade.correct:
        return grade
    run = proof.attempt(fill, fault=held_up)
    if not run.verdict.holds:
        return graded(False, f"a fill that was held up is too old.\n{run.verdict}")
    return graded(True, "no page grows older than the bound, held up or not.")


EXERCISES = {
    "the fill": exercise(
        fills,
        "From which moment on may the prices have changed?",
        "How can Redis know, when the fill arrives, when that moment was?",
        "A key set before the query with the bound as its PX; a script that keeps the "
        "page for that key's PTTL, if there is any left.",
    ),
}
