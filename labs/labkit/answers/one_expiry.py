"""Answers to labs/one_expiry.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, check, exercise, function, graded

LOCK, MINE, ANOTHERS = "lock:exercise", "mine", "another's"


class ChangingHands:
    """A client of Redis; before it deletes, the lease runs out and is taken."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.changed = False

    def __getattr__(self, name: str) -> Any:
        if name in ("delete", "unlink"):
            self._client.set(LOCK, ANOTHERS)
            self.changed = True
        return getattr(self._client, name)


@function("client", "lock", "token")
def gives_back(answer: Any, proof: Any, days: Any, redis: Any, way: Any) -> Grade:
    """A release is right when it frees its own lease, and never one of another's."""
    for day, fault in days.items():
        run = proof.attempt(way(answer), fault=fault)
        if not run.verdict.holds:
            return graded(False, f"{day}: the promise is broken.\n{run.verdict}")
        if not run.useful.holds:
            return graded(False, f"{day}: {run.useful.examples[0]}.")
    if left_by(answer, redis, MINE) == MINE:
        return graded(False, "a lease that is its own is not given back.")
    unlucky = ChangingHands(redis)
    found = left_by(answer, redis, ANOTHERS), left_by(answer, unlucky, MINE)
    if found[0] != ANOTHERS or (unlucky.changed and found[1] != ANOTHERS):
        return graded(False, "it deletes a lease that has become another's.")
    return graded(True, "it frees its own lease and nobody else's.")


def left_by(answer: Any, client: Any, holder: str) -> Any:
    """The lock's value after the answer has had it to give back."""
    client.set(LOCK, holder)
    answer(client, LOCK, MINE)
    left = client.get(LOCK)
    client.expire(LOCK, 0)
    return left


EXERCISES = {
    "give it back": exercise(
        gives_back,
        "Whose is a lock that you delete without looking?",
        "What may happen between your look and your deletion?",
        "One script on the server: compare the value with the token, then delete.",
    ),
    "the check": exercise(
        check(),
        "Count the rebuilds of each page.",
        "Which rebuilds were lost: begun under a lease, and not done within it?",
        "Violated when a page has more rebuilds than 1 + those with a token that "
        "failed or took longer than LEASE_MS.",
    ),
}
