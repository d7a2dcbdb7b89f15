"""The two-way proof: the incident happens, and does not, under the same schedule.

Four runs of one schedule of clients:

    control    fault off  guardrail off   must hold: the traffic alone is harmless
    incident   fault on   guardrail off   must be violated: the fault does harm
    guarded    fault on   guardrail on    must hold: the guardrail works
    unguarded  fault on   guardrail off   must be violated: it was the guardrail

A run that does not come out as it must stops the lab. So does a fault whose own meter
shows that it was never there, and a schedule that was not the same: both would let
"nothing happened" pass for "it holds".
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from .checks import Verdict
from .faults import Fault
from .history import History, Op
from .wait import TimedOut

HOLDS, VIOLATED, UNKNOWN = "holds", "violated", "unknown"
RUNS = {  # name: (fault on, guardrail on, what its verdict must be)
    "control": (False, False, HOLDS),
    "incident": (True, False, VIOLATED),
    "guarded": (True, True, HOLDS),
    "unguarded": (True, False, VIOLATED),
}


class ProofFailed(AssertionError):
    """A run of a proof did not come out as its lesson says it must."""


@dataclass
class Run:
    """One run of a schedule: what the clients saw, and the verdict on it.

    name: "control", "incident", "guarded", "unguarded" or "attempt". meter: the fault's
    own reading at the end of the schedule, None without a fault. cost: numbers that the
    lab chose, {"ms per read": 0.4}. seconds: how long the schedule took. rng: random
    numbers that are the same in all runs of a lab.
    """

    name: str
    fault_on: bool
    guardrail_on: bool
    expected: str
    history: History
    rng: random.Random
    verdict: Verdict | None = None
    meter: float | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def call(self, *args: Any, **kwargs: Any) -> AbstractContextManager[Op]:
        """Record one operation of a client: see History.call."""
        return self.history.call(*args, **kwargs)

    def __str__(self) -> str:
        def switch(on: bool) -> str:
            return "on" if on else "off"

        head = f"{self.name}: fault {switch(self.fault_on)}"
        return f"{head}, guardrail {switch(self.guardrail_on)}\n{self.verdict}"

    __repr__ = __str__


Schedule = Callable[[Run, Any], None]


class Proof:
    """One lesson. Made by `Lab.proof`.

    schedule(run, way): what the clients do, recorded through `run.call`. check: the
    promise, a pure function of a history. fault: makes a fresh Fault. without and
    guardrail: the two ways of doing the same work, handed to the schedule as `way`.
    reset: puts the servers back to the beginning before each run. cost(run): what this
    way costs.
    """

    def __init__(
        self,
        name: str,
        *,
        schedule: Schedule,
        check: Callable[[History], Verdict],
        fault: Callable[[], Fault],
        without: Any,
        guardrail: Any,
        reset: Callable[[], object] | None = None,
        cost: Callable[[Run], dict[str, Any]] | None = None,
        seed: int = 7,
        lab: str = "",
        done: Callable[[Proof, Run], None] = lambda proof, run: None,
    ) -> None:
        self.name = name
        self.schedule = schedule
        self.check = check
        self.fault = fault
        self.without = without
        self.guardrail = guardrail
        self.reset = reset
        self.cost = cost
        self.seed = seed
        self.lab = lab
        self.done = done
        self.runs: dict[str, Run] = {}

    def control(self) -> Run:
        return self._must("control")

    def incident(self) -> Run:
        return self._must("incident")

    def guarded(self) -> Run:
        return self._must("guarded")

    def unguarded(self) -> Run:
        return self._must("unguarded")

    def attempt(self, way: Any) -> Run:
        """Run the schedule under the fault in any way; the verdict is not asserted."""
        return self._run("attempt", True, way is not self.without, way, HOLDS)

    def _must(self, name: str) -> Run:
        fault_on, guardrail_on, expected = RUNS[name]
        way = self.guardrail if guardrail_on else self.without
        run = self._run(name, fault_on, guardrail_on, way, expected)
        self.runs[name] = run
        self.done(self, run)
        assert run.verdict is not None
        if run.verdict.state != expected:
            raise ProofFailed(self._complaint(run, run.verdict))
        self._same_schedule(run)
        return run

    def _run(
        self, name: str, fault_on: bool, guardrail_on: bool, way: Any, expected: str
    ) -> Run:
        if self.reset:
            self.reset()
        history = History(lab=self.lab, run=name)
        rng = random.Random(self.seed)
        run = Run(name, fault_on, guardrail_on, expected, history, rng)
        late = ""
        began = time.perf_counter()
        with self.fault() if fault_on else nullcontext() as fault:
            try:
                self.schedule(run, way)
            except TimedOut as error:
                late = str(error)
            run.seconds = time.perf_counter() - began
            if fault is not None:
                run.meter = float(fault.meter())
        run.verdict = self._verdict(run, late)
        if self.cost:
            run.cost = self.cost(run)
        return run

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
        why = {
            ("control", VIOLATED): "the traffic breaks the promise without any fault",
            ("incident", HOLDS): "the fault does no harm, or the check cannot see it",
            ("guarded", VIOLATED): "the guardrail does not keep the promise",
            ("unguarded", HOLDS): "the promise is kept without the guardrail too",
        }.get((run.name, verdict.state), verdict.reason or "nothing can be concluded")
        return (
            f"{self.name}, {run.name}: must be {run.expected}, is {verdict.state}: "
            f"{why}\n{verdict}"
        )

    def _same_schedule(self, run: Run) -> None:
        first = next(iter(self.runs.values()))
        if run.history.schedule() != first.history.schedule():
            raise ProofFailed(
                f"{self.name}: the clients of {run.name} did not do the same as those "
                f"of {first.name}, so the two cannot be compared"
            )

    def costs(self) -> list[dict[str, Any]]:
        """One row a run that has been made: its name, verdict and cost."""
        return [
            {
                "run": name,
                "verdict": run.verdict.state if run.verdict else "",
                **run.cost,
            }
            for name, run in self.runs.items()
        ]
