"""Answers to labs/refill_from_a_replica.ipynb: spoilers ahead."""

from dataclasses import replace
from typing import Any

from ..exercises import Grade, check, exercise, function, guardrail


@function("key", "ask")
def by_position(answer: Any, proof: Any, forget: Any) -> Grade:
    """The answer is what is done at a miss, together with saves that leave an LSN."""
    way = replace(proof.guardrail, miss=answer, forget=forget)
    return guardrail()(way, proof=proof)


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
        check(),
        "Whose reads show what the cache serves at rest, and what the database holds?",
        "A key without a copy is no violation.",
        "Violated when a get of the auditor has a version, and (version, value) is not "
        "that of the auditor's read of the same key.",
    ),
}
