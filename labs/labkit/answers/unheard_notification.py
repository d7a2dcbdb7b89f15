"""Answers to labs/unheard_notification.ipynb: spoilers ahead."""

from contextlib import suppress
from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number, unfit
from ..exercises.judge import what_is_wrong
from ..history import History
from ..shop.prices import Prices

POSITIONS = ("seq", "xid", "followed")


@function("session", "forget")
def without_position(answer: Any, proof: Any, fault: Any, prices: Prices) -> Grade:
    """The answer is a follower's work: under the cut, on a quiet day, when the cache
    refuses for a while, and when a price changes while it works."""
    theirs = Work(answer, prices)
    way = type("Theirs", (proof.guardrail,), {"follow": staticmethod(theirs.follow)})
    grade = guardrail()(way, proof=proof)
    if theirs.raised:
        raise theirs.raised[0]
    if used := sorted(theirs.used):
        return unfit(f"it uses {' and '.join(used)}, which is a position.")
    if not grade.correct:
        return grade
    run = proof.attempt(way, fault=fault)
    if wrong := what_is_wrong(proof, run):
        return graded(False, f"when the cache refuses for a while, {wrong}")
    theirs.disturbed = True
    if proof.attempt(way, fault_on=False).verdict.violated:
        return graded(False, "a price that changes while it works is never forgotten.")
    return grade


class Work:
    """An answer at its work.

    used: words of a position in its statements. raised: errors of its own, not of the
    connection. disturbed: when it first forgets a copy, a customer looks and the price
    changes once more, before it goes on.
    """

    def __init__(self, answer: Any, prices: Prices) -> None:
        self.answer, self.prices = answer, prices
        self.used: set[str] = set()
        self.raised: list[Exception] = []
        self.disturbed = False

    def follow(self, session: Any, forget: Any) -> None:
        from psycopg import OperationalError

        refused = []

        def forgets(product: int) -> None:
            disturb = self.disturbed and self.prices.copy(product)
            try:
                forget(product)
            except Exception as error:
                refused.append(error)
                raise
            if disturb:
                self.disturbed = False
                self.change(product)

        try:
            self.answer(Session(session, self.used), forgets)
        except Exception as error:
            if not refused and not isinstance(error, OperationalError):
                self.raised.append(error)
            raise

    def change(self, product: int) -> None:
        """A look and a save. An answer that locks the table keeps the save out."""
        from psycopg.errors import LockNotAvailable

        quiet, keep = History(), self.prices.from_primary(3_600_000)
        self.prices.look(quiet, product, keep)
        self.prices.primary.sql("set lock_timeout = '1s'")
        with suppress(LockNotAvailable):
            self.prices.save(quiet, product, 950)
        self.prices.primary.sql("reset lock_timeout")


class Session:
    """A session that notes which words of a position its statements have. It does not
    wait for a lock for ever: who holds it may be waiting for the judge."""

    def __init__(self, session: Any, used: set[str]) -> None:
        self._session, self._used = session, used
        session.execute("set lock_timeout = '2s'")

    def execute(self, query: Any, *args: Any, **more: Any) -> Any:
        text = str(query).casefold()
        self._used |= {word for word in POSITIONS if word in text}
        return self._session.execute(query, *args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


EXERCISES = {
    "without a position": exercise(
        without_position,
        "How can a row say by itself that it is still to be done?",
        "What becomes of that when the work fails half-way?",
        "In one transaction: delete from price_changes returning product, and forget "
        "each; an error rolls the deletion back.",
    ),
    "the nightly import": exercise(
        number(20, unit="min"),
        "How far can the position go while the import is open?",
        "From her save until the import's end: 25 - 5.",
    ),
}
