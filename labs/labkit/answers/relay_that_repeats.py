"""Answers to labs/relay_that_repeats.ipynb: spoilers ahead."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..exercises import Grade, choice, exercise, function, guardrail


@function("app", "record")
def by_the_parcels(
    answer: Any, proof: Any, way: Any, notes: Callable[[], int]
) -> Grade:
    """A first step is right when a worker that begins with it packs each order once,
    and takes no notes."""
    steps = (answer, *way.worker[1:])

    def noted(run: Any) -> str:
        return "the table `handled` was used." if notes() else ""

    return guardrail(also=noted)(replace(way, worker=steps), proof=proof)


EXERCISES = {
    "no table of notes": exercise(
        by_the_parcels,
        "What is there for certain once an order has been packed?",
        "Can one statement look for it and insert it?",
        "insert into parcels (order_id) select ... where not exists (select from "
        "parcels where order_id = ...)",
    ),
    "a customer without a parcel": exercise(
        choice(
            "note committed first",
            {
                "relay marks first": "then the event would not be in the topic.",
                "offset first": "who dies after that has not noted the event either.",
                "notes in memory": "then nothing would be in the table.",
            },
            "Killed between the note's commit and the parcel's.",
        ),
        "Whose work has certainly begun, since it left something?",
        "Which two steps of a worker leave the one and not the other when it dies "
        "between them?",
        "The event was noted and the parcel was not packed: they were not one "
        "transaction, and the note came first.",
    ),
}
