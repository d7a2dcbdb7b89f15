"""Answers to labs/one_bound.ipynb: spoilers ahead."""

from collections.abc import Mapping
from typing import Any

from ..exercises import Grade, exercise, function, graded, on_another_day, unfit
from ..exercises.grade import described
from ..history import History
from ..shop import carts, pages


@function("run", "client")
def fills(
    answer: Any, proof: Any, way: Any, held_up: Any, shops: pages.Pages, bound_ms: int
) -> Grade:
    """A fill is right when neither a change nor a delay makes its page too old."""
    shops.clean()
    tried, page = History(), pages.key(7)
    made = answer(tried, "the judge")
    if not tried.ops("rebuild", key=page):
        return graded(False, "nobody asks PostgreSQL for the page of store 7.")
    if not isinstance(made, Mapping):
        wanted = "the page that `shops.make` made is wanted"
        return unfit(f"it returned {described(made)}, and {wanted}.")
    grade, run = on_another_day(proof, way(answer), held_up, "when a fill is held up")
    if run is None:
        return grade
    if stands_still(answer, shops, page, bound_ms):
        again = "while a fill stands still after its query, another customer fills"
        return graded(False, f"{again}, and then the first one's old page is kept.")
    return graded(True, "no page grows older than the bound, held up or not.")


def stands_still(answer: Any, shops: pages.Pages, page: str, bound_ms: int) -> bool:
    """Whether an old page is kept although its query was longer ago than the bound.

    A first fill has read the prices; they change; nearly all of the bound passes, and
    another customer's fill begins and ends. Then the first one goes on.
    """
    shops.clean()
    quiet, make, waiting = History(), shops.make, [True]

    def first_waits(run: Any, client: str, key: str, token: Any = None) -> Any:
        made = make(run, client, key, token)
        if waiting:
            waiting.clear()
            shops.save(quiet, page, 900)
            carts.let_pass(shops.cache, bound_ms - shops.ms // 2)
            answer(quiet, "customer 2")
        return made

    vars(shops)["make"] = first_waits
    try:
        old = answer(quiet, "customer 1")
    finally:
        del vars(shops)["make"]
    kept = carts.page(shops.cache, page)
    return bool(kept) and kept["version"] == old["version"]


EXERCISES = {
    "the fill": exercise(
        fills,
        "From which moment on may the prices have changed?",
        "How can Redis know, when the fill arrives, when that moment was?",
        "A key set before the query with the bound as its PX; a script that keeps the "
        "page for that key's PTTL, if there is any left.",
    ),
}
