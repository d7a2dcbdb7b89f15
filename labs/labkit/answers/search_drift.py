"""Answers to labs/search_drift.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number, unfit

SAID = ("done", "again", "aside")
# what the engine says of a line -> what is to be done, and in words
LINES = {
    201: ("done", "a line that was accepted"),
    409: ("done", "a line that is older than what the index has"),
    403: ("again", "a line that was refused by a block"),
    429: ("again", "a line that came when the engine was too busy"),
    503: ("again", "a line whose shard was not there"),
    400: ("aside", "a line whose field has the wrong type"),
}


@function("answer")
def read(answer: Any, proof: Any, fed: Any) -> Grade:
    """The answer reads answers: some made up, and those of a bad hour."""
    for status, (wanted, what) in LINES.items():
        line = {"index": {"_id": "1", "status": status}}
        told = answer({"errors": status >= 300, "items": [line]})
        if not isinstance(told, list | tuple) or len(told) != 1:
            return unfit("a list is wanted, with one word for each line of the answer.")
        if told[0] not in SAID:
            return unfit(f"{told[0]!r} is none of the words {', '.join(SAID)}.")
        if told[0] != wanted:
            return graded(False, f"of {what} ({status}) it says {told[0]!r}.")
    mixed = [{"index": {"status": 201}}, {"delete": {"status": 403}}]
    if list(answer({"errors": True, "items": mixed})) != ["done", "again"]:
        return graded(False, "of two lines, of which one fails, it says the wrong one.")

    class Theirs(fed):
        def is_done(self, item: Any) -> bool:
            whole = {"errors": item["status"] >= 300, "items": [{"index": item}]}
            return list(answer(whole)) != ["again"]

    return guardrail()(Theirs, proof=proof)


EXERCISES = {
    "read the answer": exercise(
        read,
        "What does the status of the whole request say about its lines?",
        "Which lines will be accepted when they are sent again, and which never?",
        "Below 300, 404 and 409 are done; 400 is set aside; the rest comes again.",
    ),
    "walk through a million": exercise(
        number(1_200_000 / 200 / 60, unit="min"),
        "How long does one round take?",
        "1,200,000 products, by 200 a second, by 60 seconds.",
    ),
}
