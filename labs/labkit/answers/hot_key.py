"""Answers to labs/hot_key.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, guardrail, number
from ..shop.records import figures

ROOM = 5  # pages nearby


def too_many(run: Any) -> str:
    most = max(figures(run.history, "kept nearby"))
    return f"a server kept {most} pages nearby." if most > ROOM else ""


@function("app", "key")
def five_pages(answer: Any, proof: Any, way: Any) -> Grade:
    """A guardrail that keeps no more than five pages nearby."""
    return guardrail(also=too_many)(way(answer), proof=proof)


EXERCISES = {
    "five pages": exercise(
        five_pages,
        "Which pages are worth a place, and how long is it until the hot one is "
        "asked for again?",
        "A dict keeps its keys in the order in which they came.",
        "Use `nearby`, and when there are six, drop the first.",
    ),
    "requests that arrive": exercise(
        number(16, unit="requests"),
        "What does the number of customers change?",
        "How often does one server ask in a second?",
    ),
}
