"""Answers to labs/search_drift.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number, unfit

SAID = ("done", "again", "aside")
# status of a line -> what is to be done, in words, and the type of its error
LINES = {
    200: ("done", "a line that was accepted", ""),
    201: ("done", "a line that was accepted as a new document", ""),
    404: ("done", "the removal of what was not there", ""),
    409: (
        "done",
        "a line that is older than what the index has",
        "version_conflict_engine_exception",
    ),
    403: ("again", "a line that was refused by a block", "cluster_block_exception"),
    429: (
        "again",
        "a line that came when the engine was too busy",
        "rejected_execution_exception",
    ),
    503: (
        "again",
        "a line whose shard was not there",
        "unavailable_shards_exception",
    ),
    400: (
        "aside",
        "a line whose field has the wrong type",
        "mapper_parsing_exception",
    ),
}


def line(status: int) -> dict[str, Any]:
    """An item of a bulk answer."""
    kind = LINES[status][2]
    error = {"error": {"type": kind, "reason": "as it says"}} if kind else {}
    about = {"_id": "1", "status": status, **error}
    return {"delete" if status == 404 else "index": about}


@function("answer")
def read(answer: Any, proof: Any, fed: Any) -> Grade:
    """The answer reads answers: some made up, and those of a bad hour."""
    for status, (wanted, what, kind) in LINES.items():
        told = answer({"errors": bool(kind), "items": [line(status)]})
        if not isinstance(told, list | tuple) or len(told) != 1:
            return unfit("a list is wanted, with one word for each line of the answer.")
        if told[0] not in SAID:
            return unfit(f"{told[0]!r} is none of the words {', '.join(SAID)}.")
        if told[0] != wanted:
            return graded(False, f"of {what} ({status}) it says {told[0]!r}.")
    mixed = [line(201), line(403), line(404), line(409)]
    told = answer({"errors": True, "items": mixed})
    if list(told) != ["done", "again", "done", "done"]:
        return graded(False, "of four lines, of which one fails, it says a wrong one.")

    class Theirs(fed):
        def done_of(self, whole: Any) -> list[bool]:
            return [word != "again" for word in answer(whole)]

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
