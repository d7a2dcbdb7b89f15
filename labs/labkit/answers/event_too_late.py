"""Answers to labs/event_too_late.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, exercise, function, guardrail, parts


@function("position")
def follows(answer: Any, proof: Any, way: Any) -> Grade:
    """A look is right when a follower with it passes nothing over, and remembers
    nothing."""

    def look(_: Any) -> Any:
        found = answer(None)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise TypeError("two things are wanted, rows and a position")
        return found[0], None

    return guardrail()(replace(way, look=look), proof=proof)


EXERCISES = {
    "without a position": exercise(
        follows,
        "What does a row look like that the follower has not had, whenever it came?",
        "Can one statement take such rows and mark them?",
        "`update outbox set sent_at = now() where sent_at is null returning id, "
        "order_id`",
    ),
    "read the snapshot": exercise(
        parts({"to the horizon": [101, 103], "never seen": [102]}),
        "Which is the oldest transaction that is still open?",
        "By number: what is the position after this look, and which row comes below it "
        "later?",
        "The horizon is the lowest open transaction; only rows of transactions below "
        "it are returned.",
    ),
}
