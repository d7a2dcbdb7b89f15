"""Answers to labs/same_work_twice.ipynb."""

from collections.abc import Callable
from typing import Any

from ..exercises import Grade, exercise, function, guardrail, number


@function("packer", "orders")
def without_the_table(
    answer: Any, proof: Any, way: Callable[[Any], Any], noted: Callable[[], int]
) -> Grade:
    """A way is right when each order is packed once, and none is in `packed`."""

    def cheated(run: Any) -> str:
        return "the table `packed` was used." if noted() else ""

    return guardrail(also=cheated)(way(answer), proof=proof)


EXERCISES = {
    "smaller batches": exercise(
        number(6, unit="orders"),
        "The batches are 1 to 4, 5 to 8, 9 to 12, 13 to 16 and 17 to 20.",
        "The slow packer's batch, and of the killed one's what it had packed.",
    ),
    "once, without the table": exercise(
        without_the_table,
        "Looking and packing are two steps, and somebody else comes in between.",
        "In one transaction: pg_advisory_xact_lock of the order, look, pack.",
    ),
}
