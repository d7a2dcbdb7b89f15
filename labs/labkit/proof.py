"""The two-way proof: the incident happens, and does not, under the same schedule.

Five runs of one schedule of clients, and the half measures:

    control    fault off  guardrail off   holds: the traffic alone is harmless
    incident   fault on   guardrail off   violated: the fault does harm
    guarded    fault on   guardrail on    holds: the guardrail works
    idle       fault off  guardrail on    holds, and the shop still works behind it
    unguarded  fault on   guardrail off   violated: it was the guardrail
    each half  fault on   a part of it    red: no part can be left out unnoticed

A run that does not come out as it must stops the lab. So does a fault whose own meter
shows that it was never there, a schedule that was not the same, and two runs that
checked different amounts: each would let "nothing happened" pass for "it holds".
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .checks import Verdict
from .faults import Fault
from .history import History, Op
from .purity import refuse_impure
from .wait import TimedOut

HOLDS, VIOLATED, UNKNOWN = "holds", "violated", "unknown"
RUNS = {  # name: (fault on, guardrail on, what its verdict must be)
    "control": (False, False, HOLDS),
    "incident": (True, False, VIOLATED),
    "guarded": (True, True, HOLDS),
    "idle": (False, True, HOLDS),
    "unguarded": (True, False, VIOLATED),
}
WRONG = {  # what it means that a run came out otherwise
    ("control", VIOLATED): "the traffic breaks the promise without any fault",
    ("incident", HOLDS): "the fault does no harm, or the check cannot see it",
    ("guarded", VIOLATED): "the guardrail does not keep the promise",
    ("idle", VIOLATED): "the guardrail breaks the promise by itself",
    ("unguarded", HOLDS): "the promise is kept without the guardrail too",
}
Schedule = Callable[["Run", Any], None]
Check = Callable[[History], Verdict]


class ProofFailed(AssertionError):
    """A run of a proof did not come out as its lesson says it must."""


@dataclass(frozen=True)
class Half:
    """A half measure that needs more than another way of doing the work.

    fault: makes the fault that finds it out, where the proof's own does not.
    """

    way: Any
    fault: Callable[[], Fault] | None = None


@dataclass
class Run:
    """One run of a schedule: what the clients saw, and the verdict on it.

    name: one of the five, "half" or "attempt". half: the half measure's name, or "".
    useful: the verdict on what must still work; None where it is not asked. meter: the
    fault's own reading at the end of the schedule, None without a fault. fault_at: from
    when to when it was there, in the history's seconds. cost: numbers that the lab
    chose, {"ms per read": 0.4}. seconds: how long the schedule took. rng: random
    numbers that are the same in all runs of a lab.
    """

    name: str
    fault_on: bool
    guardrail_on: bool
    expected: str
    history: History
    rng: random.Random
    verdict: Verdict | None = None
    useful: Verdict | None = None
    meter: float | None = None
    fault_at: tuple[float, float] | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    half: str = ""

    def call(self, *args: Any, **kwargs: Any) -> AbstractContextManager[Op]:
        """Record one operation of a client: see History.call."""
        return self.history.call(*args, **kwargs)

    @property
    def title(self) -> str:
        return f"half measure, {self.half}" if self.half else self.name

    @property
    def switches(self) -> str:
        """ "fault on, guardrail off" """
        guardrail = "in part" if self.half else on_off(self.guardrail_on)
        return f"fault {on_off(self.fault_on)}, guardrail {guardrail}"

    @property
    def red(self) -> str:
        """By what the run is red: "violated", "not useful", or "" when it is not."""
        assert self.verdict is not None
        if self.verdict.violated:
            return "violated"
        useless = self.verdict.holds and self.useful and self.useful.violated
        return "not useful" if useless else ""

    @property
    def answer(self) -> str:
        """A half measure's lesson in one line, "" for other runs."""
        if not self.half or not self.red:
            return ""
        broken = self.useful if self.red == "not useful" else self.verdict
        assert broken is not None
        first = broken.examples[0] if broken.examples else broken.check
        return f"Holds without it? No, {self.red}: {first}"

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.switches}", str(self.verdict)]
        if self.useful:
            word = {"holds": "USEFUL", "violated": "NOT USEFUL"}
            head = word.get(self.useful.state, "USEFUL?")
            told = self.useful.examples[:1] or (str(self.useful)[8:].strip(),)
            lines.append(f"{head:<8}  {told[0]}")
        return "\n".join(lines + [self.answer] * bool(self.answer))

    __repr__ = __str__


def on_off(switch: bool) -> str:
    return "on" if switch else "off"


class Proof:
    """One lesson. Made by `Lab.proof`.

    schedule(run, way): what the clients do, recorded through `run.call`. check: the
    promise, a pure function of a history. useful: what must still work behind the
    guardrail, another one; useful_in: "always", or "idle" where the fault itself takes
    it away. fault: makes a fresh Fault. without and guardrail: the two ways of doing
    the same work, handed to the schedule as `way`. halves: half measures by name, ways
    or `Half`s. amounts: why the runs check different amounts, where they do. reset:
    puts the servers back to the beginning before each run. cost(run): what this way
    costs.

    runs and half_runs hold, by name, the latest run of each.
    """

    def __init__(
        self,
        name: str,
        *,
        schedule: Schedule,
        check: Check,
        fault: Callable[[], Fault],
        without: Any,
        guardrail: Any = None,
        halves: Mapping[str, Any] | None = None,
        useful: Check | None = None,
        useful_in: Literal["always", "idle"] = "always",
        amounts: str = "",
        reset: Callable[[], object] | None = None,
        cost: Callable[[Run], dict[str, Any]] | None = None,
        seed: int = 7,
        lab: str = "",
        done: Callable[[Proof, Run], None] = lambda proof, run: None,
    ) -> None:
        if useful_in not in ("always", "idle"):
            raise ValueError(f"useful_in is 'always' or 'idle', not {useful_in!r}")
        self.name = name
        self.schedule = schedule
        self.check = check
        self.fault = fault
        self.without = without
        self.guardrail = guardrail
        self.halves = dict(halves or {})
        self.useful = useful
        self.useful_in = useful_in
        self.amounts = amounts
        self.reset = reset
        self.cost = cost
        self.seed = seed
        self.lab = lab
        self.done = done
        self.runs: dict[str, Run] = {}
        self.half_runs: dict[str, Run] = {}

    def control(self) -> Run:
        return self._must("control")

    def incident(self) -> Run:
        return self._must("incident")

    def guard(self, way: Any, halves: Mapping[str, Any]) -> None:
        """The guardrail and its half measures, once the lab has come to them."""
        self.guardrail = way
        self.halves = dict(halves)

    def guarded(self) -> Run:
        return self._must("guarded")

    def idle(self) -> Run:
        """The guardrail when nothing is wrong: what it costs on a quiet day."""
        return self._must("idle")

    def unguarded(self) -> Run:
        return self._must("unguarded")

    def half(self, name: str) -> Run:
        """Run one half measure. It must be red: the promise broken under the fault, or
        what must still work no longer working, then or on a quiet day."""
        if name not in self.halves:
            known = ", ".join(self.halves) or "none yet"
            raise KeyError(f"{self.name} has no half measure {name!r}; it has: {known}")
        half = self.halves[name]
        half = half if isinstance(half, Half) else Half(half)
        run = self._run("half", True, True, half.way, VIOLATED, name, half.fault)
        if run.verdict and run.verdict.holds and not run.red:
            run = self._run("half", False, True, half.way, VIOLATED, name)
        self.half_runs[name] = run
        self.done(self, run)
        if not run.red:
            assert run.verdict is not None
            why = run.verdict.reason or "a part of the guardrail can be left out"
            raise ProofFailed(f"{self.name}, {run.title}: must be red: {why}\n{run}")
        self._same_schedule(run)
        return run

    def attempt(
        self,
        way: Any,
        fault_on: bool = True,
        fault: Callable[[], Fault] | None = None,
    ) -> Run:
        """Run the schedule in any way, under the proof's fault or another one; the
        verdict is not asserted."""
        guarded = way is not self.without
        return self._run("attempt", fault_on, guarded, way, HOLDS, fault=fault)

    def _must(self, name: str) -> Run:
        fault_on, guardrail_on, expected = RUNS[name]
        way = self.guardrail if guardrail_on else self.without
        run = self._run(name, fault_on, guardrail_on, way, expected)
        self.runs[name] = run
        self.done(self, run)
        assert run.verdict is not None
        if run.verdict.state != expected:
            raise ProofFailed(self._complaint(run, run.verdict))
        if run.useful and not run.useful.holds:
            raise ProofFailed(
                f"{self.name}, {name}: the promise holds, but the guardrail leaves too "
                f"little working\n{run}"
            )
        self._same_schedule(run)
        self._same_amounts(run)
        return run

    def _run(
        self,
        name: str,
        fault_on: bool,
        guardrail_on: bool,
        way: Any,
        expected: str,
        half: str = "",
        fault: Callable[[], Fault] | None = None,
    ) -> Run:
        for function, what in ((self.check, "check"), (self.useful, "useful")):
            if function:
                refuse_impure(function, f"{self.name}: its `{what}`")
        if self.reset:
            self.reset()
        history = History(lab=self.lab, run=half or name)
        rng = random.Random(self.seed)
        run = Run(name, fault_on, guardrail_on, expected, history, rng, half=half)
        late = self._play(run, way, fault or self.fault)
        run.verdict = self._verdict(run, late)
        if self.useful and guardrail_on and not (fault_on and self.useful_in == "idle"):
            run.useful = self.useful(history)
        if self.cost:
            run.cost = self.cost(run)
        return run

    def _play(self, run: Run, way: Any, fault: Callable[[], Fault]) -> str:
        """Run the schedule; returns why it could not end, or ""."""
        late = ""
        began = time.perf_counter()
        with fault() if run.fault_on else nullcontext() as there:
            since = run.history.now()
            try:
                self.schedule(run, way)
            except TimedOut as error:
                late = str(error)
            run.seconds = time.perf_counter() - began
            if there is not None:
                run.meter = float(there.meter())
                run.fault_at = there.span or (since, run.history.now())
        return late

    def _verdict(self, run: Run, late: str) -> Verdict:
        verdict = self.check(run.history)
        if late:
            return replace(verdict, state=UNKNOWN, reason=late)
        read = run.meter or 0
        if run.fault_on and not read > 0:  # nor is NaN
            reason = f"the fault's own meter reads {read:g}: it was never there"
            return replace(verdict, state=UNKNOWN, reason=reason)
        return verdict

    def _complaint(self, run: Run, verdict: Verdict) -> str:
        nothing = verdict.reason or "nothing can be concluded"
        why = WRONG.get((run.name, verdict.state), nothing)
        return (
            f"{self.name}, {run.name}: must be {run.expected}, is {verdict.state}: "
            f"{why}\n{verdict}"
        )

    def _same_schedule(self, run: Run) -> None:
        first = next(iter(self.runs.values()), run)
        if run.history.schedule() != first.history.schedule():
            raise ProofFailed(
                f"{self.name}: the clients of {run.title} did not do the same as those "
                f"of {first.name}, so the two cannot be compared"
            )

    def _same_amounts(self, run: Run) -> None:
        first = next(iter(self.runs.values()))
        assert run.verdict is not None and first.verdict is not None
        if not self.amounts and run.verdict.amounts != first.verdict.amounts:
            raise ProofFailed(
                f"{self.name}: {run.name} checked {told(run.verdict.amounts)}, and "
                f"{first.name} {told(first.verdict.amounts)}: two runs that check "
                "different amounts cannot be compared, unless `amounts` says why"
            )

    def costs(self) -> list[dict[str, Any]]:
        """One row a run that has been made: its name, verdict and cost."""
        return [
            {
                "run": run.title,
                "verdict": run.red or (run.verdict.state if run.verdict else ""),
                **run.cost,
            }
            for run in (*self.runs.values(), *self.half_runs.values())
        ]


def told(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} ({name})" for name, n in amounts.items()) or "nothing"
