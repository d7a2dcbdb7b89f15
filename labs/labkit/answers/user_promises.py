"""Answers to labs/user_promises.ipynb: spoilers ahead."""

from typing import Any

from ..exercises import Grade, exercise, function, graded, on_another_day, unfit


@function("history", "tick")
def one_window(answer: Any, proof: Any, pages_broken: Any) -> Grade:
    """A guardrail, on another bad day as well, that is not the lab's own: that one
    looks at two windows."""
    rule = getattr(answer, "keywords", {}).get("rule")
    if answer is proof.guardrail or (rule and rule.long != rule.short):
        return unfit("that rule looks at two windows: one is wanted.")
    when = "when the store pages are broken"
    grade, run = on_another_day(proof, answer, pages_broken, when)
    if run is not None and not run.useful.holds:
        return graded(False, f"{when}:\n{run.useful}")
    return grade


EXERCISES = {
    "one window": exercise(
        one_window,
        "What makes the rule ring on, when the trouble is over?",
        "How long may the window be, if it has to be quiet after half an hour? And "
        "which burn rate over that window has spent more than half a day's budget and "
        "less than a day's?",
        "Six ticks, and a burn rate between 24 and 48; and do not forget the silence.",
    ),
}
