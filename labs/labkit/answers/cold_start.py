"""Answers to labs/cold_start.ipynb: spoilers ahead."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..exercises import Grade, exercise, function, graded, number, on_another_day
from ..shop.storefront import LATER

AT_ONCE_S = 0.5  # a refusal at once, on a slow machine too
SURPLUS = range(8, 15)  # of 24 at one server with 2 places and a queue of about 11


@function("server")
def at_the_door(answer: Any, proof: Any, front: Any, standstill: Any) -> Grade:
    """A guardrail that also turns away at once whoever finds a long queue."""
    alone = partial(at_one_server, front, standstill)
    grade, run = on_another_day(proof, answer, alone, "when PostgreSQL stands still")
    if run is None:
        return grade
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


@contextmanager
def at_one_server(front: Any, fault: Callable[[], Any]) -> Iterator[Any]:
    servers, front.servers = front.servers, 1
    try:
        with fault() as there:
            yield there
    finally:
        front.servers = servers


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
