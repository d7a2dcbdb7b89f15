"""Answers to labs/two_primaries.ipynb: spoilers ahead."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..exercises import Grade, agrees, exercise, function, graded
from ..shop.tables import insert
from ..shop.traffic import Order

MOST = 20  # newcomers
NEWCOMER = {"application_name": "server 9", "options": "-c lock_timeout=2000"}


@function("old")
def fences(answer: Any, proof: Any, way: Callable[..., Any]) -> Grade:
    """A fence is right when the day keeps its promise by it alone, and goes on; and
    when no order that is begun between two of its commands is confirmed after it."""
    for fault_on in (True, False):
        run = proof.attempt(way(fence=answer), fault_on=fault_on)
        when = "two do not hear" if fault_on else "all hear"
        if not run.verdict.holds:
            return graded(False, f"when {when}, two confirm.\n{run.verdict}")
        if not run.useful.holds:
            return graded(False, f"when {when}, orders stay out.\n{run.useful}")
    newcomers = Newcomers(answer)
    proof.attempt(way(fence=newcomers.fence))
    if newcomers.confirmed:
        when = "a server connects between two of its commands"
        return graded(False, f"when {when}, an order is confirmed after all.")
    return graded(True, f"one primary confirms.\n{run.verdict}")


class Newcomers:
    """After each of the first commands of a fence an application server connects, and
    begins an order whose commit comes when the fence is there.

    confirmed: how many of these orders were.
    """

    def __init__(self, fence: Callable[[Any], object]) -> None:
        self._fence = fence
        self._begun: list[Any] = []
        self.confirmed = 0

    def fence(self, old: Any) -> None:
        from psycopg import Error

        self._fence(Watched(old, lambda: self._begin(old)))
        for session in self._begun:
            with suppress(Error):  # refused, or its session is gone
                session.commit()
                self.confirmed += 1
            session.close()

    def _begin(self, old: Any) -> None:
        from psycopg import Error, OperationalError

        if len(self._begun) >= MOST:  # an answer may wait until nobody comes
            return
        order = Order(10_000 + len(self._begun), 1, 1, 1, 500)
        try:
            session = old.connect(autocommit=False, **NEWCOMER)
        except OperationalError:  # nobody is let in
            return
        try:
            insert(session, order)
            self._begun.append(session)
        except Error:  # refused
            session.close()


class Watched:
    """A node; something else happens after each command that is sent to it."""

    def __init__(self, node: Any, then: Callable[[], object]) -> None:
        self._node, self._then = node, then

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._node, name)
        if not callable(found):
            return found

        def command(*args: Any, **more: Any) -> Any:
            result = found(*args, **more)
            self._then()
            return result

        return command


EXERCISES = {
    "another fence": exercise(
        fences,
        "Which sessions does `default_transaction_read_only` bind, and from when on?",
        "The order under way began before. What ends a session?",
        "Set it first, then pg_terminate_backend(pid, 5000) for the servers' sessions "
        "in pg_stat_activity.",
    ),
    "how many must be asked": exercise(
        agrees(
            ("n", "k"),
            {
                "two replicas, ANY 1": ((2, 1), 2),
                "two replicas, ANY 2": ((2, 2), 1),
                "three replicas, ANY 2": ((3, 2), 2),
                "three replicas, ANY 1": ((3, 1), 3),
                "five replicas, ANY 3": ((5, 3), 3),
            },
        ),
        "On how many replicas may a confirmed order be missing?",
        "Ask one more than those.",
    ),
}
