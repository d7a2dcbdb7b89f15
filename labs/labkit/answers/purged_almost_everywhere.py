"""Answers to labs/purged_almost_everywhere.ipynb: spoilers ahead."""

from collections.abc import Callable
from typing import Any

from ..exercises import Grade, exercise, function, graded, guardrail, number
from ..exercises.judge import what_is_wrong

KEPT, CUT_OFF = 100, 2  # purges that the log has


@function("edge", "position", "entries")
def caught_up(answer: Any, proof: Any, way: Callable[..., Any]) -> Grade:
    """The answer is an agent's work: with a log that is long enough, and with one that
    has lost a purge when the agent is back."""
    theirs = Theirs(answer)
    grade = guardrail()(way(KEPT, hear=theirs.hear), proof=proof)
    theirs.raise_what_it_raised()
    if not grade.correct:
        return grade
    run = proof.attempt(way(CUT_OFF, hear=theirs.hear))
    theirs.raise_what_it_raised()
    if not run.verdict.holds:
        return graded(False, "where the log has lost a purge, an old price is shown.")
    confirmed = [op for op in run.history.ops("write") if op.outcome == "ok"]
    if len(confirmed) < len(run.history.ops("write")):
        return graded(False, "where the log has lost a purge, a recall never ends.")
    quiet = proof.attempt(way(CUT_OFF, hear=theirs.hear), fault_on=False)
    if wrong := what_is_wrong(proof, quiet):
        return graded(False, f"with a short log and nothing lost, {wrong}")
    return grade


class Theirs:
    """An answer in the place of an agent's work; the errors that it raised."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.raised: list[Exception] = []
        outer = self

        def hear(self: Any, edge: Any) -> None:
            outer.work(self, edge)

        self.hear = hear

    def work(self, agents: Any, edge: Any) -> None:
        before = agents.position(edge)
        entries = agents.entries(before)
        try:
            after = self.answer(edge, before, entries)
            if not isinstance(after, int) or isinstance(after, bool):
                raise TypeError(f"the new position is {after!r}, and no whole number")
        except Exception as error:
            self.raised.append(error)
            return
        agents.moved(edge, after)

    def raise_what_it_raised(self) -> None:
        if self.raised:
            raise self.raised[0]


EXERCISES = {
    "a log that is cut off": exercise(
        caught_up,
        "What do the numbers of the entries say about those that are not there?",
        "What is known about the copies of an edge that has missed a purge?",
        "If the first entry is not position + 1, empty the edge; else purge each.",
    ),
    "one purge, by the name": exercise(
        number(40 * (6 * 3 - 1), unit="copies"),
        "How many copies of the page does one edge have?",
        "40 edges, and on each 6 x 3 copies less the one that is removed.",
    ),
}
