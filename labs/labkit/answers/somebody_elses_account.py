"""Answers to labs/somebody_elses_account.ipynb: spoilers ahead."""

from collections.abc import Callable
from typing import Any

from ..exercises import Grade, exercise, graded, guardrail, score, unfit
from ..runtimes import StartFailed
from ..servers.edge import HOST

SHARED = set("adeh")  # by RFC 9111
ALL = "abcdefgh"


def eight(answer: Any) -> Grade:
    """The letters of the responses that a shared cache may give to a second person."""
    if not isinstance(answer, str):
        return unfit('the letters are wanted as one text, like "ab".')
    chosen = set(answer.lower()) - set(" ,")
    if strange := chosen - set(ALL):
        return unfit(f"no response is called {', '.join(sorted(strange))}.")
    return score((letter in chosen) == (letter in SHARED) for letter in ALL)


def poisoned(
    answer: Any, proof: Any, shares: Callable[[Any], list[tuple[str, str | None]]]
) -> Grade:
    """A release is right when it is a guardrail of the proof, and nobody is shown the
    link of another, by trying."""
    if isinstance(answer, str) or not hasattr(answer, "lines"):
        return unfit('a release is wanted: Way("proxy_...;", MAPS).')
    try:
        grade = guardrail()(answer, proof=proof)
        hosts, said = zip(*shares(answer), strict=True)
    except StartFailed as error:
        return unfit(f"nginx refuses it: {error}")
    if not grade.correct:
        return grade
    if hosts[1] != HOST or hosts[2] != HOST:
        return graded(False, f"the next visitor was shown a link to {hosts[1]}.")
    if said[2] != "HIT":
        return graded(False, "the link is the shop's, and the page is not kept.")
    return graded(True, "the link is the shop's, and the page is kept.")


EXERCISES = {
    "eight responses": exercise(
        eight,
        "Three of them answer a request with `Authorization`: section 3.5 says which "
        "words allow such an answer to be shared.",
        "`no-cache` allows a copy, and forbids something else.",
        "Section 7.3 says what `Set-Cookie` means for a cache.",
    ),
    "the poisoned link": exercise(
        poisoned,
        "What does the origin see that the key does not contain?",
        "Either the key contains it, or the origin never sees it.",
        "proxy_set_header sets what the origin is told, in place of the visitor.",
    ),
}
