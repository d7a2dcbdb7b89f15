"""Answers to labs/confirmed_by_one.ipynb: spoilers ahead."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..exercises import Grade, check, exercise, function, graded


@function("session", "order")
def heeds_the_warning(
    answer: Any, proof: Any, way: Any, both_cut: Callable[[], Any]
) -> Grade:
    """A checkout is right when waits that are cancelled confirm nothing, and when it
    confirms what a replica has."""
    cancelled = replace(way, checkout=answer, cancels=True)
    run = proof.attempt(cancelled, fault=both_cut)
    if not run.verdict.holds:
        return graded(False, f"a cancelled wait was taken for a yes.\n{run.verdict}")
    run = proof.attempt(cancelled, fault_on=False)
    if not run.useful.holds:
        return graded(False, f"on a good day it confirms too little.\n{run.useful}")
    return graded(True, f"what it confirms is kept.\n{run.verdict}")


EXERCISES = {
    "a warning is an answer": exercise(
        heeds_the_warning,
        "What does the server send besides `INSERT 0 1` when a wait was cancelled?",
        "Add the handler before you insert; a list can collect what it is called with.",
        "Raise after `tables.insert` when the list is not empty: the history then has "
        "the order as unknown.",
    ),
    "the check": exercise(
        check(),
        "Which outcomes is a customer owed?",
        "Where in the history does it stand what is left at the end?",
        "Violated when the value of a write with outcome ok is not in the value of the "
        "operation 'read back'.",
    ),
}
