"""Answers to labs/long_fill.ipynb: spoilers ahead."""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg import Error

from ..exercises import Grade, exercise, function, graded, guardrail, score, unfit


def stops_pages(
    answer: Any, tonight: Mapping[str, str], mode_of: Callable[[str], dict[str, Any]]
) -> Grade:
    """The letters of the statements that no page may read beside, by trying each."""
    if not isinstance(answer, str):
        return unfit('the letters are wanted as one text, like "ab".')
    if strange := set(answer.lower()) - set(tonight) - set(" ,"):
        return unfit(f"no statement is called {', '.join(sorted(strange))}.")
    chosen = set(answer.lower())
    return score(
        (letter in chosen) == (not mode_of(statement)["read"])
        for letter, statement in tonight.items()
    )


@function("run", "session")
def fills(answer: Any, proof: Any = None) -> Grade:
    """As the judge of guardrails, and with what the server said to the fill."""
    said: list[str] = []

    def fill(run: Any, session: Any) -> None:
        try:
            answer(run, session)
        except Error as error:
            said.append(str(error).splitlines()[0])
            raise

    grade = guardrail()(fill, proof)
    if grade.correct or not said:
        return grade
    return graded(False, f"the server said to your fill: {said[0]}.\n{grade.text}")


EXERCISES = {
    "who stops the pages": exercise(
        stops_pages,
        "How long a statement takes does not help: most of these touch a catalogue "
        "only.",
        "What would a running SELECT have to know about the change?",
        "Try each in a transaction, look into pg_locks, and roll back: AccessExclusive "
        "is the lock that no reader stands beside.",
    ),
    "another fill": exercise(
        fills,
        "A lock is kept until its transaction ends: how many rows may one transaction "
        "touch?",
        "How does a batch know where it begins, if it must not search?",
        "For each range of twenty ids: update ... set note = fill(id) where id between "
        "%s and %s and note is null, each in a transaction of its own.",
    ),
}
