"""Answers to labs/one_expiry.ipynb: spoilers ahead."""

from contextlib import suppress
from functools import partial
from typing import Any

from ..exercises import Grade, check, exercise, function, graded
from ..exercises.judge import Recorded, blind, complaint_about, state_of
from ..shop.between import COMMANDS, after_command

# half measures that break the promise; the others are not useful, and wait for it
QUICK = (
    "SET without NX",
    "no second look",
    "a lease shorter than a rebuild",
    "a lock in each application server",
)
LOCK, MINE, TAKEN, THIRD = "lock:exercise", "mine", "another's", "a third's"


@function("client", "lock", "token")
def gives_back(answer: Any, proof: Any, days: Any, redis: Any, way: Any) -> Grade:
    """A release is right when it frees its own lease, and never one of another's."""
    for day, fault in days.items():
        run = proof.attempt(way(answer), fault=fault)
        if not run.verdict.holds:
            return graded(False, f"{day}: the promise is broken.\n{run.verdict}")
        if not run.useful.holds:
            return graded(False, f"{day}: {run.useful.examples[0]}.")
    redis.set(LOCK, MINE)
    give_back(answer, redis)
    if redis.get(LOCK) == MINE:
        return graded(False, "a lease that is its own is not given back.")
    wrong = (changing_hands(answer, redis, n) for n in range(COMMANDS + 1))
    if said := next(filter(None, wrong), ""):
        return graded(False, said)
    return graded(True, "it frees its own lease and nobody else's.")


def changing_hands(answer: Any, client: Any, number: int) -> str:
    """What is wrong when others take the lease after so many commands, or ""."""
    client.set(LOCK, MINE)
    ends = partial(client.set, LOCK, TAKEN)
    with after_command(client, number, ends) as ended:
        give_back(answer, client)
    if ended and client.get(LOCK) != TAKEN:
        return "it deletes a lease that has become another's."
    client.set(LOCK, TAKEN)
    with after_command(client, number, partial(client.set, LOCK, THIRD, nx=True)):
        give_back(answer, client)
    if client.get(LOCK) != TAKEN:
        return "a lease that is another's is free after it, or was for a moment."
    return ""


def give_back(answer: Any, client: Any) -> None:
    """The answer's work; that it noticed a change meanwhile is no failure."""
    from redis.exceptions import WatchError

    with suppress(WatchError):
        answer(client, LOCK, MINE)


def judges(answer: Any, proof: Any, bad_days: Any) -> Grade:
    """A check must also let rebuilds pass that were lost: on a holder's bad days."""
    grade = check(more=QUICK)(answer, proof=proof)
    if not grade.correct:
        return grade
    for day, run in bad_days.items():
        shown = Recorded(f"the guarded run in which the {day}", run.history, good=True)
        said = complaint_about(shown, state_of(answer(blind(run.history))) or "")
        if said:
            return graded(False, f"{said}.")
    return grade


EXERCISES = {
    "give it back": exercise(
        gives_back,
        "Whose is a lock that you delete without looking?",
        "What may happen between your look and your deletion?",
        "One script on the server: compare the value with the token, then delete.",
    ),
    "the check": exercise(
        judges,
        "Count the rebuilds of each page.",
        "Which rebuilds were lost: begun under a lease, and not done within it?",
        "Violated when a page has more rebuilds than 1 + those with a token that "
        "failed or took longer than LEASE_MS.",
    ),
}
