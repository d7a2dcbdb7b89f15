"""Answers to labs/same_work_twice.ipynb."""

from ..exercises import exercise, guardrail, number

EXERCISES = {
    "smaller batches": exercise(
        number(6, unit="orders"),
        "The batches are 1 to 4, 5 to 8, 9 to 12, 13 to 16 and 17 to 20.",
        "The slow packer's batch, and of the killed one's what it had packed.",
    ),
    "once, without the table": exercise(
        guardrail(),
        "Looking and packing are two steps, and somebody else comes in between.",
        "In one transaction: pg_advisory_xact_lock of the order, look, pack.",
    ),
}
