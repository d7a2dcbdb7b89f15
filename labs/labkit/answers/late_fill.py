"""Answers to labs/late_fill.ipynb: spoilers ahead."""

from types import SimpleNamespace
from typing import Any

from ..exercises import Grade, exercise, guardrail, unfit


def without_versions(answer: Any, proof: Any) -> Grade:
    """The answer is a way; its steps see a price's text and no version of it."""
    if not isinstance(answer, type(proof.guardrail)):
        return unfit("a Way is wanted, like those in the cell of the half measures.")

    def fill(who: Any, key: Any, price: Any, ticket: Any) -> Any:
        return answer.fill(who, key, SimpleNamespace(text=price.text), ticket)

    def forget(who: Any, key: Any, price: Any) -> Any:
        return answer.forget(who, key, None)

    sealed = answer._replace(fill=fill, forget=forget)
    return guardrail()(sealed, proof=proof)


EXERCISES = {
    "a page without a version": exercise(
        without_versions,
        "What can a miss leave behind in the cache before it asks the database?",
        "A save takes that away. How does a late fill notice, in one step with its "
        "writing?",
        "A miss stores a fresh ticket beside the key and hands it to its fill; a save "
        "deletes both; a script writes only if the ticket there is still one's own.",
    ),
}
