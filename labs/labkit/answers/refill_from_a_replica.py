"""Answers to labs/refill_from_a_replica.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import (
    Day,
    Grade,
    check,
    exercise,
    function,
    graded,
    guardrail,
    unfit,
)
from ..exercises.grade import described
from ..history import History, Op
from ..wait import wait_until

STANDS_STILL = """select case when pg_is_in_recovery()
 then pg_is_wal_replay_paused() end"""


class NoPrice(Exception):
    """What an answer returned is none."""


@function("key", "ask")
def by_position(answer: Any, proof: Any, forget: Any) -> Grade:
    """The answer is what is done at a miss, together with saves that leave an LSN."""

    def miss(key: str, ask: Any) -> Any:
        price = answer(key, ask)
        if not isinstance(price, tuple):
            raise NoPrice(f"it returned {described(price)}, and not a price.")
        return price

    way = replace(proof.guardrail, miss=miss, forget=forget)
    try:
        grade = guardrail()(way, proof=proof)
    except NoPrice as error:
        return unfit(str(error))
    if not grade.correct:
        return grade
    way = replace(way, miss=lambda key, ask: answer(key, catching_up(ask)))
    run = proof.attempt(way)
    if proof.check(run.history).violated:
        when = "the replica catches up just after it has answered"
        return graded(False, f"{when}, and its old answer is kept.")
    return grade


def catching_up(ask: Any) -> Any:
    """Ask as before; a replica that stands still goes on once it has answered."""

    def then(node: Any) -> Any:
        price = ask(node)
        if node.value(STANDS_STILL):
            node.sql("select pg_wal_replay_resume()")
            late = "the replica does not catch up"
            wait_until(lambda: not node.bytes_unreplayed(), 10, late)
        return price

    return then


def copies(history: History) -> list[Op]:
    return [op for op in history.ops("get", client="auditor") if op.version is not None]


def another_price(history: History) -> None:
    copies(history)[-1].value += 1


def no_copy(history: History) -> None:
    copy = copies(history)[0]
    copy.version = copy.value = None


def old_price_shown(history: History) -> None:
    shown = next(op for op in history.ops("read", client="customer") if op.version)
    shown.version, shown.value = -1, 100  # older than all


DAYS = (
    Day(
        "a day on which a copy has the version and not the price", False, another_price
    ),
    Day("a day on which a price has no copy in the end", True, no_copy),
    Day(
        "a day on which a customer was shown an old price before", True, old_price_shown
    ),
)

EXERCISES = {
    "a page without a version": exercise(
        by_position,
        "What must the replica have done with the position that the save left?",
        "Who can answer when it has not, and should that answer be kept?",
        "db.replica.has_replayed(cache.get(f'gone:{key}')), asked before the row is "
        "read; without a position the replica will do, and when it has not replayed "
        "it, the primary. Fill in both cases.",
    ),
    "the check": exercise(
        check(days=DAYS),
        "Whose reads show what the cache serves at rest, and what the database holds?",
        "A key without a copy is no violation.",
        "Violated when a get of the auditor has a version, and (version, value) is not "
        "that of the auditor's read of the same key.",
    ),
}
