"""Graders of exercises: the same checks that prove a lab grade a reader's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import isclose, isnan
from numbers import Real
from typing import Any, Protocol

from .checks import Verdict


@dataclass(frozen=True)
class Grade:
    """How one answer fared: whether it is correct, a text that says why, and whether
    there was an answer at all. A grade without an answer is not correct either."""

    correct: bool
    text: str
    answered: bool = True

    @property
    def word(self) -> str:
        """The grade itself: "correct", "not yet" or "no answer yet"."""
        if self.correct:
            return "correct"
        return "not yet" if self.answered else "no answer yet"

    def __str__(self) -> str:
        return f"{self.word.capitalize()}: {self.text}"


Grader = Callable[[Any], Grade]


class Attempted(Protocol):
    """What a grader needs of a run: its verdict."""

    verdict: Verdict


class Attempts(Protocol):
    """What `keeps` needs of a proof: runs with the fault on, in any way, not judged."""

    def attempt(self, way: Any) -> Attempted: ...


def grade(answer: Any, grader: Grader) -> Grade:
    """Grade an answer; None means that the reader has not answered yet."""
    if answer is None:
        text = "put yours in place of None and run the cell again."
        return Grade(False, text, answered=False)
    return grader(answer)


def graded(correct: bool, text: str) -> Grade:
    """A grade for a grader of a lab's own: the text after "Correct" or "Not yet"."""
    return Grade(correct, text)


def score(right: Iterable[bool]) -> Grade:
    """The grade of an answer in several parts: correct when every part is right."""
    parts = list(right)
    found = f"{sum(parts)} of {len(parts)} are right."
    return graded(bool(parts) and all(parts), found)


def number(expected: float, within: float = 0, hint: str = "") -> Grader:
    """Correct when the answer is `expected`, give or take `within` (same unit).

    A wrong answer learns whether it is too low or too high, and the hint.
    """

    def grader(answer: Any) -> Grade:
        is_number = isinstance(answer, Real | Decimal) and not isinstance(answer, bool)
        if not is_number or isnan(answer):
            return _wrong(f"a number is wanted, and {answer!r} is none.", hint)
        # The expected value stays out of the text: it may be measured, and the text
        # of an exercise is the same in every run.
        if isclose(answer, expected, rel_tol=1e-9, abs_tol=within * (1 + 1e-9)):
            margin = f" (give or take {within})" if within else ""
            return graded(True, f"{answer}{margin}.")
        side = "low" if answer < expected else "high"
        return _wrong(f"{answer} is too {side}.", hint)

    return grader


def keeps(
    proof: Attempts, hint: str = "", also: Callable[[Any], str] = lambda run: ""
) -> Grader:
    """Correct when the promise holds with the fault on and the answer as the way.

    A violated or unknown verdict is not correct, and neither is a way that raises: the
    text then shows the verdict, or the exception. also: takes the run and says what is
    wrong with it though the promise holds, or "".
    """

    def grader(answer: Any) -> Grade:
        try:
            run = proof.attempt(answer)
        except Exception as error:
            raised = f"{type(error).__name__}: {error}".rstrip(": ")
            return _wrong(f"the run ended with {raised}", hint)
        verdict = run.verdict
        if verdict.holds and (wrong := also(run)):
            return _wrong(f"the promise holds, but {wrong}", hint)
        if verdict.holds:
            return graded(True, f"the promise holds.\n{verdict}")
        why = "the promise is broken" if verdict.violated else "nothing is proved"
        return _wrong(f"{why}.\n{verdict}", hint)

    return grader


def _wrong(why: str, hint: str = "") -> Grade:
    return Grade(False, why + (f"\nHint: {hint}" if hint else ""))
