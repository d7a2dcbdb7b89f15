"""Answers to labs/no_connection_left.ipynb: spoilers ahead."""

from collections.abc import Callable
from typing import Any

from ..checks import Verdict
from ..exercises import Grade, exercise, function, graded, on_another_day, unfit


@function("entrance", "n")
def one_deadline(
    answer: Any, proof: Any, way: Callable[[Any], Any], fault: Any, within_s: float
) -> Grade:
    """A request is right when queue and statement share one deadline."""
    when = "when the moment lasts"
    grade, run = on_another_day(proof, way(answer), fault, when)
    if run is None:
        return grade
    late = [op for op in run.history.ops("read") if op.seconds > within_s]
    if late:
        return graded(False, f"{when}, {len(late)} are told too late.")
    return graded(True, "everybody is told in time, however long the moment lasts.")


def largest(answer: Any, release: Callable[[int], Verdict]) -> Grade:
    """Correct when a release with pools of that size goes well, and with more not."""
    if not isinstance(answer, int) or isinstance(answer, bool) or answer < 1:
        return unfit("a whole number of connections is wanted, 1 or more.")
    if answer > 30:
        return graded(False, "that is more than the server has for everybody.")
    verdict = release(answer)
    if not verdict.holds:
        return graded(False, f"too many.\n{verdict}")
    if release(answer + 1).holds:
        return graded(False, "there is room for more.")
    return graded(True, f"{answer} in each pool.\n{verdict}")


EXERCISES = {
    "one deadline": exercise(
        one_deadline,
        "How much of the deadline is left when the connection is there?",
        "Who must know what is left: the application alone?",
        "end = time.monotonic() + 2; connect(n, timeout=2); then set statement_timeout "
        "to what is left until `end`, and catch PoolTimeout and QueryCanceled.",
    ),
    "a pool's size": exercise(
        largest,
        "How many servers are there at the worst moment?",
        "How many slots are left for them?",
        "(30 - 3 - 1 - 1) / 6, rounded down.",
    ),
}
