"""Answers to labs/late_fill.ipynb: spoilers ahead."""

from functools import partial
from types import SimpleNamespace
from typing import Any

from ..exercises import Grade, exercise, graded, guardrail, unfit
from ..history import History
from ..shop.between import COMMANDS, after_command
from ..shop.prices import Prices
from ..shop.tables import key

PRODUCT, OTHER = 31, 32


def without_versions(answer: Any, proof: Any, prices: Prices) -> Grade:
    """The answer is a way; its steps see a price's text and no version of it."""
    if not isinstance(answer, type(proof.without)):
        return unfit("a Way is wanted, like those in the cell of the half measures.")

    def fill(who: Any, key: Any, price: Any, ticket: Any) -> Any:
        return answer.fill(who, key, SimpleNamespace(text=price.text), ticket)

    def forget(who: Any, key: Any, price: Any) -> Any:
        return answer.forget(who, key, None)

    sealed = answer._replace(fill=fill, forget=forget)
    grade = guardrail()(sealed, proof=proof)
    if not grade.correct:
        return grade
    if proof.attempt(sealed._replace(again=sealed.miss)).verdict.violated:
        return graded(False, "another miss lets the late fill of the first one in.")
    if any(overtaken(sealed, prices, n) for n in range(1, COMMANDS + 1)):
        when = "a save comes between two commands of a fill"
        return graded(False, f"{when}, and the old price is kept.")
    if stays(sealed, prices):
        return graded(False, "what a miss leaves in the cache stays there for ever.")
    if crowded_out(sealed, prices):
        when = "another page is missed and saved before a fill comes"
        return graded(False, f"{when}, and nothing is kept: one lease for all pages?")
    return grade


def stays(way: Any, prices: Prices) -> bool:
    """Whether a miss that nobody fills leaves a key without an end."""
    prices.clean()
    way.miss(key(PRODUCT))
    return prices.endless(PRODUCT) > 0


def crowded_out(way: Any, prices: Prices) -> bool:
    """Whether a fill is refused for what befell another page."""
    prices.clean()
    ticket, price = way.miss(key(PRODUCT)), prices.held(PRODUCT)
    way.miss(key(OTHER))
    prices.save(History(), OTHER, 700, partial(way.forget, "owner"))
    way.fill("reader", key(PRODUCT), price, ticket)
    return prices.copy(PRODUCT) is None


def overtaken(way: Any, prices: Prices, number: int) -> bool:
    """Whether a save after so many commands of a fill leaves an old copy."""
    prices.clean()
    forget = partial(way.forget, "owner")
    save = partial(prices.save, History(), PRODUCT, 700, forget)
    ticket, price = way.miss(key(PRODUCT)), prices.held(PRODUCT)
    with after_command(prices.cache, number, save):
        way.fill("reader", key(PRODUCT), price, ticket)
    return prices.copy(PRODUCT) not in (None, prices.held(PRODUCT))


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
