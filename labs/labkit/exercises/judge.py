"""The judge: tries a guardrail on the servers, and a check on the recorded runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ..checks import Verdict, counted
from ..history import History
from .grade import Grade, Grader, NotReady, described, graded, misfit, unfit

About = Literal["promise", "useful"]
PROVED_NOTHING = "nothing is proved"


def guardrail(proof: Any = None, also: Callable[[Any], str] = lambda run: "") -> Grader:
    """Correct when the answer, as the way, is a guardrail: under the fault the promise
    holds, and there and when nothing is wrong the shop still works.

    proof: a proof or several that must all be passed; or None, and the lab gives
    `proof`. also: takes a run and says what else is wrong with it, or "". An answer
    learns what it let through, or what no longer works, and in which run.
    """

    def grader(answer: Any, proof: Any = proof) -> Grade:
        verdict = None
        for one in several(proof):
            for fault_on in (True, False):
                run = one.attempt(answer, fault_on=fault_on)
                if wrong := what_is_wrong(one, run) or also(run):
                    when = "under the fault" if fault_on else "when nothing is wrong"
                    return graded(False, f"{when}, {wrong}")
                verdict = verdict or run.verdict
        assert verdict is not None
        checked = counted(verdict.checked, verdict.unit)
        return graded(
            True,
            f"the promise holds under the fault ({checked} checked), and the shop "
            "works when nothing is wrong.",
        )

    return grader


def on_another_day(
    proof: Any, way: Any, fault: Callable[[], Any], when: str
) -> tuple[Grade, Any]:
    """The grade of `guardrail`, and a run of the way under another fault as well.

    The promise must hold there too. Where it does not, or the way is no guardrail,
    there is no run to look at: it is None. when: "when the server stands still".
    """
    grade = guardrail()(way, proof=proof)
    if not grade.correct:
        return grade, None
    run = proof.attempt(way, fault=fault)
    if not run.verdict.holds:
        return graded(False, f"{when}:\n{run.verdict}"), None
    return grade, run


def keeps(proof: Any = None, also: Callable[[Any], str] = lambda run: "") -> Grader:
    """Correct when the promise holds with the fault on and the answer as the way.

    Less than `guardrail`: nothing is asked of a quiet day. The grade shows the verdict.
    """

    def grader(answer: Any, proof: Any = proof) -> Grade:
        verdict = None
        for one in several(proof):
            run = one.attempt(answer)
            verdict = run.verdict
            if not verdict.holds:
                why = "the promise is broken" if verdict.violated else PROVED_NOTHING
                return graded(False, f"{why}.\n{verdict}")
            if wrong := no_longer_works(run) or also(run):
                return graded(False, f"the promise holds, but {wrong}")
        return graded(True, f"the promise holds.\n{verdict}")

    return grader


def several(proof: Any) -> Sequence[Any]:
    if proof is None:
        raise NotReady("run the cells above first: proof is not known yet.")
    return proof if isinstance(proof, list | tuple) else [proof]


def what_is_wrong(proof: Any, run: Any) -> str:
    """Why this run of a reader's way does not pass, or ""."""
    verdict: Verdict = run.verdict
    if verdict.violated:
        return f"the promise is broken: {seen(verdict)}"
    if not verdict.holds:
        return f"{PROVED_NOTHING}: {verdict.reason}"
    wrong = no_longer_works(run) or not_the_same(proof, run)
    return f"the promise holds, but {wrong}" if wrong else ""


def no_longer_works(run: Any) -> str:
    """What the guardrail keeps from working, or ""."""
    useful: Verdict | None = getattr(run, "useful", None)
    if useful is None or useful.holds:
        return ""
    found = seen(useful) if useful.violated else useful.reason
    return f"the shop does not work: {found}"


def not_the_same(proof: Any, run: Any) -> str:
    """How the run differs from the first in what was asked or checked, or ""."""
    if not proof.runs:
        raise NotReady("run the cells above first: the proof has no run yet.")
    first = next(iter(proof.runs.values()))
    if run.history.schedule() != first.history.schedule():
        return f"its clients did not do the same as those of the {first.name} run."
    amounts = getattr(run.verdict, "amounts", None)
    if amounts == getattr(first.verdict, "amounts", None) or proof.amounts:
        return ""
    checked = counted(run.verdict.checked, run.verdict.unit)
    return f"only for {checked}: in the {first.name} run {first.verdict.checked} were."


def seen(verdict: Verdict) -> str:
    """What broke it, and what its clients saw, line by line."""
    total = counted(verdict.checked, verdict.unit)
    head = f"{verdict.violations} of {total} ({verdict.check})."
    return "\n".join([head, *(f"  {example}" for example in verdict.examples)])


class Day(NamedTuple):
    """A day that no recorded run shows, made of one that does.

    name: as a check is told of it, "a day on which a page fails at once". good: whether
    it keeps the promise. change: turns a copy of the guarded run's history into it.
    """

    name: str
    good: bool
    change: Callable[[History], object]


class Recorded(NamedTuple):
    """A recorded run as a judge sees it: its name, and whether it keeps the promise."""

    name: str
    history: History
    good: bool


def check(
    proof: Any = None,
    about: About = "promise",
    days: Iterable[Day] = (),
    more: bool | Collection[str] = True,
) -> Grader:
    """Correct when the answer tells the good runs of a proof from the bad ones.

    The answer is a function of a history that returns a Verdict, or True when the
    promise holds. proof: as in `guardrail`; each of its five runs must have been made.
    about "promise": control, guarded and idle must hold; incident, unguarded and each
    half measure that breaks the promise must not. about "useful": what must still work;
    guarded and idle must hold where the proof asks it of them, and each half measure
    that is not useful must not. days: more to judge, for an answer that comes out right
    on the recorded runs by chance. more: half measures that the lab has not run are run
    now; False, or the names of some, where the others take long and show nothing more.
    An answer learns by name which bad run it let through, and which good one it
    refused.
    """

    def grader(answer: Any, proof: Any = proof) -> Grade:
        if wrong := misfit(answer, ("history",)):
            return unfit(wrong)
        proofs = several(proof)
        runs = [*recorded(proofs, about, more), *made(proofs, days)]
        told, right = [], 0
        for run in runs:
            says = answer(blind(run.history))
            if (state := state_of(says)) is None:
                return unfit(
                    "a check returns True, False or a Verdict, and yours returned "
                    f"{described(says)}."
                )
            complaint = complaint_about(run, state)
            right += not complaint
            told += [complaint] * bool(complaint)
        if not told:
            return graded(True, f"it judges {counted(right, 'runs')} as they were.")
        return graded(False, "; ".join(told) + ".", score=right / len(runs))

    return grader


def complaint_about(run: Recorded, state: str) -> str:
    """What a check did wrong with this run, or ""."""
    if state == ("holds" if run.good else "violated"):
        return ""
    if state == "unknown":
        return f"it says nothing about {run.name}"
    return f"it {'refuses' if run.good else 'lets through'} {run.name}"


def recorded(
    proofs: Iterable[Any], about: About, more: bool | Collection[str] = True
) -> Iterable[Recorded]:
    """The runs that a check must judge. more: half measures not made yet are made, all
    or those named.

    Raises NotReady when one of the five has not been made.
    """
    for proof in proofs:
        good = ["guarded", "idle"]
        bad = []
        if about == "promise":
            good, bad = ["control", *good], ["incident", "unguarded"]
        for name in (*good, *bad):
            if name not in proof.runs:
                raise NotReady(f"run the cells above first: the {name} run is missing.")
            run = proof.runs[name]
            if about == "useful" and run.useful is None:
                continue  # the fault itself takes it away: not asked in that run
            yield Recorded(f"the {name} run", run.history, name in good)
        named = proof.halves if more is True else more or ()
        for name in dict.fromkeys([*proof.half_runs, *named]):
            run = proof.half_runs.get(name) or proof.half(name)
            broken = run.verdict if about == "promise" else run.useful
            # a check of the promise need not see that a shop is closed
            if broken is not None and broken.violated:
                yield Recorded(f"the half measure {name!r}", run.history, False)


def made(proofs: Sequence[Any], days: Iterable[Day]) -> Iterable[Recorded]:
    """Further days, each made of the guarded run of the first proof."""
    for day in days:
        history = blind(proofs[0].runs["guarded"].history)
        day.change(history)
        yield Recorded(day.name, history, day.good)


def blind(history: History) -> History:
    """A copy that does not tell which run it was, and that a reader may change."""
    copied = History()
    for op in history:
        copied.add(copy.deepcopy(op))
    return copied


def state_of(says: Any) -> str | None:
    """What a check said: "holds", "violated", "unknown"; None when it said nothing."""
    if isinstance(says, bool):
        return "holds" if says else "violated"
    return says.state if isinstance(says, Verdict) else None
