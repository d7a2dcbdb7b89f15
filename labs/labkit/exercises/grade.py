"""One answer's way to its grade: whatever it is, one helpful sentence comes back."""

from __future__ import annotations

import inspect
import reprlib
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

ANSWERS = "labkit.answers"  # the package with a module for each lab

_misses: Counter[tuple[str, str]] = Counter()  # of this kernel: (lab, exercise)


@dataclass(frozen=True)
class Grade:
    """How one answer fared.

    correct   whether it is right; a grade without an answer is not correct either
    text      what the reader is told, after "Correct" or "Not yet"
    answered  whether there was an answer at all
    missed    whether it was a miss, which brings the next hint nearer: a text in
              place of a number is none
    score     from 0 to 1; by default all or nothing
    folded    whether it is shown folded, as that of a solution: JupyterLab opens the
              outputs of a cell that it runs, whatever the notebook says
    """

    correct: bool
    text: str
    answered: bool = True
    missed: bool = True
    score: float | None = None
    folded: bool = False

    def __post_init__(self) -> None:
        if self.score is None:
            object.__setattr__(self, "score", float(self.correct))

    @property
    def word(self) -> str:
        """The grade itself: "correct", "not yet" or "no answer yet"."""
        if self.correct:
            return "correct"
        return "not yet" if self.answered else "no answer yet"

    def __str__(self) -> str:
        return f"{self.word.capitalize()}: {self.text}"


Grader = Callable[..., Grade]


class NotReady(Exception):
    """What a grader needs has not been measured yet; no fault of the reader's."""


@dataclass(frozen=True)
class Exercise:
    """What grades an answer, and the hints in the order in which they come.

    grader: a function of the answer and of what the lab gives by name. hints: one more
    from the second miss on, so the formula comes last. title: for lists of grades.
    """

    grader: Grader
    hints: tuple[str, ...] = ()
    title: str = ""


def exercise(grader: Grader, *hints: str, title: str = "") -> Exercise:
    """An `Exercise`, as the modules in labkit/answers/ write it."""
    return Exercise(grader, hints, title)


def graded(correct: bool, text: str, score: float | None = None) -> Grade:
    """A grade for a grader of a lab's own: the text after "Correct" or "Not yet".

    A text that opens with a verdict which holds is told as what it is: not enough.
    """
    if not correct and text.startswith("HOLDS"):
        text = f"the promise holds, and that is not all that is wanted.\n{text}"
    return Grade(correct, text, score=score)


def unfit(text: str) -> Grade:
    """The grade of something that cannot be judged, a list in place of a number: not
    correct, and no miss either, so that no hint is spent on it."""
    return Grade(False, text, missed=False)


def find(lab: str, name: str) -> Exercise:
    """The exercise of this name in the lab's module of labkit/answers/.

    Raises LookupError that says which file is wanted, or which names it has.
    """
    if name in import_module(f"{ANSWERS}.diagnoses").CASES:
        return import_module(f"{__package__}.diagnosis").diagnosis(name)
    wanted = f"labs/labkit/answers/{lab}.py"
    try:
        module = import_module(f"{ANSWERS}.{lab}")
    except ModuleNotFoundError as error:
        if error.name != f"{ANSWERS}.{lab}":
            raise
        raise LookupError(f"{wanted} is missing: what {name!r} expects") from None
    if name not in module.EXERCISES:
        known = ", ".join(map(repr, module.EXERCISES))
        raise LookupError(f"{wanted} has no exercise {name!r}; it has: {known}")
    return module.EXERCISES[name]


def attempt(
    asked: Exercise,
    answer: Any,
    given: Mapping[str, Any],
    of: tuple[str, str] = ("",) * 2,
) -> Grade:
    """Grade an answer; None and ... mean that the reader has not answered yet.

    given: what the lab gives to the grader, by name. of: the lab and the exercise;
    their misses are counted as long as the kernel lives. Never raises for what an
    answer is or does.
    """
    if answer is None or answer is ...:
        text = "put yours in place of None and run the cell again."
        return Grade(False, text, answered=False)
    try:
        grade = asked.grader(answer, **fitting(asked.grader, given, skip=1))
    except NotReady as error:
        return Grade(False, str(error), answered=False)
    except (Exception, SystemExit) as error:
        return unfit(told(error, answer))
    if grade.correct or not grade.answered or not grade.missed:
        return grade
    _misses[of] += 1
    hint = hint_after(_misses[of], asked.hints)
    return replace(grade, text=f"{grade.text}\n{hint}") if hint else grade


def hint_after(misses: int, hints: tuple[str, ...]) -> str:
    """What comes with that many misses: nothing with the first, then hint by hint."""
    reached = min(misses - 1, len(hints))
    if reached < 1:
        return ""
    number = f" {reached} of {len(hints)}" if len(hints) > 1 else ""
    return f"Hint{number}: {hints[reached - 1]}"


def fitting(
    function: Callable[..., Any], given: Mapping[str, Any], skip: int = 0
) -> dict[str, Any]:
    """Those of `given` that the function takes, its first `skip` parameters left out.

    Raises NotReady when one that it must have is not there.
    """
    wanted = list(inspect.signature(function).parameters.values())[skip:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in wanted):
        return dict(given)
    missing = [p.name for p in wanted if p.default is p.empty and p.name not in given]
    if missing:
        listed = ", ".join(missing)
        raise NotReady(f"run the cells above first: {listed} is not known yet.")
    return {p.name: given[p.name] for p in wanted if p.name in given}


def told(error: BaseException, answer: Any) -> str:
    """An exception as a sentence: what was raised, and in which line of the answer."""
    lines = str(error).splitlines() or [""]
    raised = f"{type(error).__name__}: {lines[0]}".rstrip(": ")
    code = getattr(answer, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f.lineno for f in frames if code and f.filename == code.co_filename]
    where = f" in line {own[-1]} of its cell" if own else ""
    return f"your answer raised {raised}{where}."


def described(answer: Any) -> str:
    """An answer in a few words: "the text '12'", "a list"."""
    if isinstance(answer, str):
        return f"the text {reprlib.repr(answer)}"
    if isinstance(answer, bool | int | float):
        return repr(answer)
    if inspect.isroutine(answer):
        return f"the function {getattr(answer, '__name__', '')}".strip()
    article = "an" if type(answer).__name__[0] in "aeiouAEIOU" else "a"
    return f"{article} {type(answer).__name__}"


def misfit(answer: Any, takes: tuple[str, ...]) -> str:
    """Why the answer is no function of these arguments, or ""."""
    listed = f"{len(takes)} argument{'s' * (len(takes) != 1)}"
    wanted = f"a function of {listed} ({', '.join(takes)}) is wanted"
    if not takes:
        wanted = "a function without arguments is wanted"
    if not callable(answer):
        return f"{wanted}, and {described(answer)} is none."
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return ""  # a builtin does not tell; the call will
    try:
        signature.bind(*takes)
    except TypeError:
        return f"{wanted}, and yours takes ({', '.join(signature.parameters)})."
    return ""


def say(line: str) -> None:
    """One line beside a grade, for whoever runs the class. Not on stderr: nbgrader
    takes anything there for a failure."""
    print(line)
