"""Graders of values and of functions. What judges guardrails and checks: judge.py."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from math import inf, isclose, isfinite, isnan
from numbers import Real
from typing import Any

from ..checks import counted
from .grade import (
    Grade,
    Grader,
    NotReady,
    described,
    fitting,
    graded,
    misfit,
    unfit,
)

NONE_OF_THESE = "none of these"

# The wanted unit in words, and what else a reader may have counted in: (its name, how
# many of the wanted unit one of it is).
UNITS: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "%": ("per cent", (("a share", 100),)),
    "share": ("a share of one", (("per cent", 0.01),)),
    "ms": ("milliseconds", (("seconds", 1e3), ("microseconds", 1e-3))),
    "s": ("seconds", (("milliseconds", 1e-3), ("minutes", 60))),
    "min": ("minutes", (("seconds", 1 / 60), ("hours", 60))),
    "h": ("hours", (("minutes", 1 / 60), ("seconds", 1 / 3600), ("days", 24))),
    "kB": ("kilobytes", (("bytes", 1e-3), ("megabytes", 1e3))),
    "MB": ("megabytes", (("bytes", 1e-6), ("kilobytes", 1e-3), ("gigabytes", 1e3))),
    "GB": ("gigabytes", (("bytes", 1e-9), ("megabytes", 1e-3))),
}
ROUGHLY = 0.05  # how near an answer in another unit must come, as a share


def number(
    expected: float | Callable[..., float],
    within: float = 0,
    unit: str = "",
) -> Grader:
    """Correct when the answer is `expected`, give or take `within` (same unit).

    expected: a number, or a function of what the lab gives or has measured, by name:
    `number(lambda stale_reads: stale_reads)`. unit: a key of UNITS, which also finds an
    answer in another unit, or a plural ("reads"). A wrong answer learns whether it is
    too low or too high, and never the expected value, which may be a measured one.
    """

    def grader(answer: Any, **given: Any) -> Grade:
        wanted = value_of(expected, given)
        if (value := as_number(answer)) is None:
            return unfit(no_number(answer))
        told = rid_of_noise(answer)
        if is_close(value, wanted, within):
            margin = f" (give or take {within})" if within else ""
            return graded(True, f"{with_unit(told, unit)}{margin}.")
        if other := other_unit(value, wanted, within, unit):
            return unfit(f"{told} looks like {other}: {UNITS[unit][0]} is wanted.")
        side = "low" if value < wanted else "high"
        return graded(False, f"{told} is too {side}.")

    return grader


def value_of(expected: Any, given: Mapping[str, Any]) -> float:
    """The expected number, made of what the lab gives where it is measured."""
    if callable(expected):
        expected = expected(**fitting(expected, given))
    return float(expected)


def as_number(answer: Any) -> float | None:
    """The answer as a float; None for what is no number, NaN and truth values too."""
    if isinstance(answer, bool) or not isinstance(answer, Real | Decimal):
        return None
    number: Any = answer
    try:
        value = float(number)
    except OverflowError:  # an integer of more than 308 digits
        return inf if number > 0 else -inf
    except ValueError:  # a signalling NaN
        return None
    return None if isnan(value) else value


def rid_of_noise(answer: Any) -> Any:
    """A number as its giver thinks of it, without what arithmetic adds: 0.3."""
    return float(f"{answer:.12g}") if isinstance(answer, float) else answer


def no_number(answer: Any) -> str:
    text = f"a number is wanted, and {described(answer)} is none"
    if isinstance(answer, str):
        return f"{text}: write it without quotation marks, unit and all."
    return f"{text}."


def is_close(value: float, wanted: float, within: float) -> bool:
    # the margin a little wider than told: 0.1 + 0.2 is more than 0.3
    return isclose(value, wanted, rel_tol=1e-9, abs_tol=within * (1 + 1e-9))


def other_unit(value: float, wanted: float, within: float, unit: str) -> str:
    """The unit in which the answer would be about right, "" when there is none."""
    margin = max(within, abs(wanted) * ROUGHLY)
    for name, factor in UNITS.get(unit, ("", ()))[1]:
        if value and isfinite(value) and abs(value * factor - wanted) <= margin:
            return name
    return ""


def with_unit(answer: Any, unit: str) -> str:
    """ "1 read", "2 reads", "99.2 %": an answer and its unit, which agree."""
    if not unit or unit == "share":
        return str(answer)
    return f"{answer} {unit}" if unit in UNITS else counted(answer, unit)


def choice(right: str, ruled_out: Mapping[str, str], why: str = "") -> Grader:
    """Correct when the answer names the right one of several; case does not matter.

    ruled_out: for each wrong choice a sentence that says what rules it out, and does
    not say what is right. "none of these" is always a choice. why: said with the right
    answer.
    """
    others = {plain(name): sentence for name, sentence in ruled_out.items()}
    others.setdefault(plain(NONE_OF_THESE), "one of the others explains all of it.")
    others.pop(plain(right), None)
    named = [*ruled_out, *([] if right in ruled_out else [right])]
    listed = [*sorted(n for n in named if plain(n) != NONE_OF_THESE), NONE_OF_THESE]

    def grader(answer: Any) -> Grade:
        known = f"choose one of: {', '.join(listed)}."
        if not isinstance(answer, str):
            return unfit(f"a text is wanted, and {described(answer)} is none; {known}")
        if plain(answer) == plain(right):
            return graded(True, f"{right}. {why}".strip())
        if plain(answer) not in others:
            return unfit(f"{described(answer)} is not among the choices; {known}")
        return graded(False, f"not {plain(answer)}: {others[plain(answer)]}")

    return grader


def plain(name: str) -> str:
    """A name without case, hyphens, double spaces and full stop."""
    bare = name.casefold().replace("-", " ").replace("_", " ").strip(" .\"'")
    return " ".join(bare.split())


def function(*takes: str) -> Callable[[Grader], Grader]:
    """A decorator of a grader: the answer must be a function of these arguments."""

    def decorate(grader: Grader) -> Grader:
        @functools.wraps(grader)
        def fits_first(answer: Any, **given: Any) -> Grade:
            wrong = misfit(answer, takes)
            return unfit(wrong) if wrong else grader(answer, **given)

        return fits_first

    return decorate


Cases = Mapping[str, tuple[Sequence[Any], Any]]


def agrees(takes: Sequence[str], cases: Cases | Callable[..., Cases]) -> Grader:
    """Correct when the answer, a function, returns what is expected in every case.

    cases: by name (the arguments, what is expected), or a function that makes them of
    what the lab gives by name. An answer learns in which case it differs.
    """

    @function(*takes)
    def grader(answer: Any, **given: Any) -> Grade:
        made = cases(**fitting(cases, given)) if callable(cases) else cases
        differs = {}
        for name, (arguments, expected) in made.items():
            returned = answer(*copy.deepcopy(tuple(arguments)))
            if is_bool(returned) != is_bool(expected) or returned != expected:
                differs[name] = returned
        right = len(made) - len(differs)
        if made and not differs:
            return graded(True, f"it agrees in {counted(right, 'cases')}.")
        name, returned = next(iter(differs.items()))
        text = f"it differs for {name!r}, where it returned {described(returned)}."
        return graded(False, text, score=right / len(made))

    return grader


def parts(expected: Mapping[str, Any] | str) -> Grader:
    """Correct when the answer has the expected value under every name.

    expected: by name, or the name under which the lab gives such a mapping.
    """

    def grader(answer: Any, **given: Any) -> Grade:
        if isinstance(expected, str) and expected not in given:
            raise NotReady(f"run the cells above first: {expected} is not known yet.")
        wanted = given[expected] if isinstance(expected, str) else expected
        listed = ", ".join(map(repr, wanted))
        if not isinstance(answer, Mapping):
            return unfit(f"a dict with {listed} is wanted, not {described(answer)}.")
        if missing := [repr(name) for name in wanted if name not in answer]:
            return unfit(f"it has no value for {', '.join(missing)}.")
        return score(same(answer[name], wanted[name]) for name in wanted)

    return grader


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def same(answer: Any, wanted: Any) -> bool:
    if isinstance(answer, str) and isinstance(wanted, str):
        return plain(answer) == plain(wanted)
    if is_bool(answer) != is_bool(wanted):
        return False
    value, expected = as_number(answer), as_number(wanted)
    if value is not None and expected is not None:
        return is_close(value, expected, 0)
    return bool(answer == wanted)


def score(right: Iterable[bool]) -> Grade:
    """The grade of an answer in several parts: correct when every part is right."""
    each = [bool(part) for part in right]
    found = f"{sum(each)} of {len(each)} {'is' if len(each) == 1 else 'are'} right."
    share = sum(each) / len(each) if each else 0.0
    return graded(bool(each) and all(each), found, score=share)
