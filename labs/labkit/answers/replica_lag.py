"""Answers to labs/replica_lag.ipynb: spoilers ahead."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..exercises import Grade, choice, exercise, function, graded, guardrail, unfit
from .diagnoses import REPLICAS

FOUR = (
    "replica on Tuesday",
    "replica after the sale",
    "replica after the weekend",
    "replica an hour late",
)


def causes(answer: Any) -> Grade:
    """Right when each report has its cause; the first that has not says why not."""
    if not isinstance(answer, Mapping) or set(answer) != set(FOUR):
        return unfit(f"a dict with a cause for each of {', '.join(FOUR)} is wanted.")
    grades = {}
    for name in FOUR:
        case = REPLICAS[name]
        grades[name] = choice(case.right, case.ruled_out, case.why)(answer[name])
    right = sum(grade.correct for grade in grades.values())
    for name, grade in grades.items():
        if not grade.correct:
            text = f"{right} of {len(FOUR)} are right; {name}: {grade.text}"
            return replace(grade, text=text, score=right / len(FOUR))
    told = "\n".join(f"{name}: {grade.text}" for name, grade in grades.items())
    return graded(True, f"all of them.\n{told}")


DELAY = "show max_standby_streaming_delay"


@function("replica")
def watchman(answer: Any, proof: Any) -> Grade:
    """A watchman is a guardrail beside the setting, which must stay as it is."""
    changed: list[str] = []

    def way(replica: Any, beat: int) -> None:
        proof.without(replica, beat)
        if beat:
            answer(replica)
            changed.extend({replica.ask(DELAY)} - {"-1"})

    def kept(run: Any) -> str:
        return f"the delay has been changed, to {changed[0]}." if changed else ""

    grade: Grade = guardrail(also=kept)(way, proof)
    return grade


EXERCISES = {
    "four replicas": exercise(
        causes,
        "Which of the two positions moves between the looks, and which stands still?",
        "Read the name of what the startup process waits for, not only its type.",
        "A replica may also be as far behind as somebody has told it to be.",
    ),
    "the watchman": exercise(
        watchman,
        "Which view of the replica says what the startup process waits for?",
        "The clerk's transaction is young, and replay may wait for it for a moment. "
        "Which column of pg_stat_activity tells it from the analyst's?",
        "pg_terminate_backend(pid) where xact_start is older than half the bound, if "
        "some backend waits for 'RecoveryConflictSnapshot'.",
    ),
}
