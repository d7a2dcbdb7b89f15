"""Answers to labs/acknowledged_and_lost.ipynb."""

from typing import Any

from ..checks import combine, counted, duplicates, lost_acknowledged_writes
from ..exercises import Grade, exercise, function, graded, parts
from ..history import History

EARLY, DOUBT = [1, 2], range(3, 41)
LOGS = {  # what the log may have of the orders in doubt, after an election
    "has none of them": EARLY,
    "has the even ones": [*EARLY, *(n for n in DOUBT if n % 2 == 0)],
    "has the odd ones": [*EARLY, *(n for n in DOUBT if n % 2)],
    "has all of them": [*EARLY, *DOUBT],
}
LIKE = {  # what went wrong: which half measure of the lab does that
    "gone": "in doubt is taken for confirmed",
    "packed twice": "in doubt is sent again, without numbers",
}


def settled(answer: Any, there: list[int]) -> History:
    """What customers and packer see when the rule has settled all that is in doubt."""
    history = History()
    log = there + [n for n in DOUBT if answer(n, list(there))]
    for number in (*EARLY, *DOUBT):
        with history.call("customer", "produce", "orders", number):
            pass
    for number in log:
        with history.call("packer", "process", "orders", number):
            pass
    with history.call("auditor", "read back", "orders") as op:
        op.value = log
    return history


@function("n", "there")
def settles(answer: Any) -> Grade:
    """Each order is in the log once, whatever of them was there before."""
    for name, there in LOGS.items():
        history = settled(answer, there)
        wrong = {
            "gone": lost_acknowledged_writes(history),
            "packed twice": duplicates(history),
        }
        if combine(*wrong.values()).holds:
            continue
        what, verdict = next((w, v) for w, v in wrong.items() if not v.holds)
        number = counted(verdict.violations, "orders")
        text = f"where the log {name}: {number} {what}"
        return graded(False, f"{text}, as by the half measure {LIKE[what]!r}.")
    return graded(True, f"each order is there once, in {len(LOGS)} logs.")


EXERCISES = {
    "three reports": exercise(
        parts({"a": "leader alone", "b": "in doubt", "c": "consumer"}),
        "Was it confirmed? Is it in the log?",
        "A minimum on the topic is asked of those producers only that ask for all.",
    ),
    "orders in doubt": exercise(
        settles,
        "Half of them were there, and another time none or all are.",
        "Send it again if the log does not have it.",
    ),
}
