"""Answers to labs/cold_start.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number
from ..shop.storefront import LATER

AT_ONCE_S = 0.5  # a refusal at once, on a slow machine too
SURPLUS = range(8, 15)  # of 24 at one server with 2 places and a queue of about 11


@function("server")
def at_the_door(answer: Any, proof: Any, front: Any, standstill: Any) -> Grade:
    """A guardrail that also turns away at once whoever finds a long queue."""
    grade = guardrail()(answer, proof=proof)
    if not grade.correct:
        return grade
    servers, front.servers = front.servers, 1
    try:
        run = proof.attempt(answer, fault=standstill)
    finally:
        front.servers = servers
    if not run.verdict.holds:
        return graded(False, f"when PostgreSQL stands still:\n{run.verdict}")
    early = [
        op
        for op in run.history.ops("read")
        if op.value == LATER and op.seconds < AT_ONCE_S
    ]
    if len(early) < SURPLUS.start:
        return graded(False, "customers join a queue that is too long to be served.")
    if len(early) >= SURPLUS.stop:
        return graded(False, "customers are turned away from a queue that is short.")
    return graded(True, f"{len(early)} are turned away at once, and nobody in vain.")


EXERCISES = {
    "at the door": exercise(
        at_the_door,
        "What does a customer know before joining a queue?",
        "Look at `server.waiting` first; the rest is the guardrail's.",
    ),
    "seconds until warm": exercise(
        number(25, within=0.5, unit="s"),
        "How many pages are being made at any moment?",
        "Which is smaller, what PostgreSQL grants or what the servers use of it?",
    ),
}
