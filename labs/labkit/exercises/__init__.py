"""Exercises: what grades an answer, and what the reader is told about it.

A notebook asks by name, `lab.exercise("hit ratio", answer)`. What is expected stands in
labkit/answers/, a module a lab, together with the hints; so no answer is in sight.
"""

from . import needs
from .diagnosis import diagnosis, report
from .grade import (
    Exercise,
    Grade,
    Grader,
    NotReady,
    attempt,
    exercise,
    find,
    graded,
    unfit,
)
from .graders import agrees, choice, function, number, parts, score
from .judge import Day, check, guardrail, keeps, on_another_day
from .records import keep

__all__ = [
    "Day",
    "Exercise",
    "Grade",
    "Grader",
    "NotReady",
    "agrees",
    "attempt",
    "check",
    "choice",
    "diagnosis",
    "exercise",
    "find",
    "function",
    "graded",
    "guardrail",
    "keep",
    "keeps",
    "needs",
    "number",
    "on_another_day",
    "parts",
    "report",
    "score",
    "unfit",
]
